import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffDelayMs, nextAttemptAt } from '../../../src/core/backoff.js';
import { TokenError } from '../../../src/core/errors.js';

const HOURS_2 = 7_200_000;
const DAY = 86_400_000;

describe('backoffDelayMs', () => {
  test.each([
    ['starts at 200 ms without a life', 1, undefined, 0, 0.75, 200],
    ['doubles from 200 ms without a life', 3, undefined, 0, 0.5, 400],
    ['starts at a second for a long life', 1, HOURS_2, 0, 0.5, 500],
    ['starts at a second for a life of 20 s', 1, 20_000, 0, 0.5, 500],
    ['starts at a twentieth of a life below 20 s', 1, 19_000, 0, 0.5, 475],
    ['doubles with each attempt', 2, HOURS_2, 0, 0.5, 1_000],
    ['doubles below the cap', 6, HOURS_2, 0, 0.5, 16_000],
    ['is capped at a minute', 7, HOURS_2, 0, 0.5, 30_000],
    ['stays capped for ever', 1_000_000, HOURS_2, 0, 0.5, 30_000],
    ['takes a life of nothing after very many attempts', 5_000, 0, 0, 0.5, 200],
    ['is never under 200 ms', 7, HOURS_2, 0, 0, 200],
    ['is never under 200 ms: just below', 1, HOURS_2, 0, 0.199, 200],
    ['is never under 200 ms: just above', 1, HOURS_2, 0, 0.201, 201],
    ['takes at most half of what is left', 7, HOURS_2, 10_000, 0.9, 5_000],
    ['takes less than half of what is left', 7, HOURS_2, 200_000, 0.9, 54_000],
    ['ignores what is left when that is nothing', 7, HOURS_2, 0, 0.9, 54_000],
    ['ignores what is left when it has ended', 7, HOURS_2, -1, 0.9, 54_000],
    ['is never under 200 ms, not even in the last ms', 7, HOURS_2, 1, 0.9, 200],
    ['is whole milliseconds', 1, HOURS_2, 0, 0.7776, 778],
  ])('%s', (_, attempts, lifeMs, leftMs, random, expected) => {
    expect(backoffDelayMs({ attempts, lifeMs, leftMs, random })).toBe(expected);
  });

  test('is whole milliseconds from 200 ms to a minute, whatever comes in', () => {
    const input = fc.record({
      attempts: fc.integer({ min: 1, max: 100_000 }),
      lifeMs: fc.option(fc.integer({ min: 0, max: 31_536_000_000 }), { nil: undefined }),
      leftMs: fc.integer({ min: -31_536_000_000, max: 31_536_000_000 }),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(input, (given) => {
        const delay = backoffDelayMs(given);
        return Number.isInteger(delay) && delay >= 200 && delay <= 60_000;
      }),
    );
  });
});

describe('nextAttemptAt', () => {
  const now = 1_800_000_000_000;
  const input = { attempts: 1, lifeMs: HOURS_2, leftMs: 0, random: 0.5 };

  test.each([
    ['1 ms ahead is too soon', now + 1, now + 200],
    ['199 ms ahead is too soon', now + 199, now + 200],
    ['200 ms ahead is soon enough', now + 200, now + 200],
    ['201 ms ahead stands', now + 201, now + 201],
    ['is made whole', now + 300.6, now + 301],
    ['a ms below a day stands', now + DAY - 1, now + DAY - 1],
    ['a day ahead stands', now + DAY, now + DAY],
    ['a ms above a day is brought back', now + DAY + 1, now + DAY],
  ])("an error's own retryAt %s", (_, retryAt, expected) => {
    const error = new TokenError('QUOTA_EXHAUSTED', 'enough', { retryAt });
    expect(nextAttemptAt(error, now, input)).toBe(expected);
  });

  test.each([
    ['somebody has to act first: 10 minutes', 'UPSTREAM_REJECTED', false, 600_000],
    ['it may pass: back-off', 'UPSTREAM_REJECTED', true, 500],
    ['nobody answered: back-off', 'UPSTREAM_UNAVAILABLE', false, 500],
    ['nobody answered and it may pass: back-off', 'UPSTREAM_UNAVAILABLE', true, 500],
  ])('%s', (_, code, retryable, delay) => {
    expect(nextAttemptAt(new TokenError(code, 'no', { retryable }), now, input)).toBe(now + delay);
  });
});
