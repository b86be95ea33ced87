import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffDelayMs, exponentialDelayMs, nextAttemptAt } from '../../../../src/core/model/backoff.js';
import { TokenError, type TokenErrorFacts } from '../../../../src/core/model/errors.js';

const HOURS_2 = 7_200_000;
const DAY = 86_400_000;

test.each([
  [1, 100],
  [2, 200],
  [5, 1_600],
  [6, 2_000],
  [10_000, 2_000],
])('exponentialDelayMs doubles the delay up to its maximum: after %i attempts it is %i ms', (attempts, expected) => {
  expect(exponentialDelayMs(attempts, 100, 2_000)).toBe(expected);
});

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
  ])('backoffDelayMs: %s', (_, attempts, lifeMs, leftMs, random, expected) => {
    expect(backoffDelayMs({ attempts, lifeMs, leftMs, random })).toBe(expected);
  });

  test('a backoff delay is whole milliseconds from 200 ms to a minute, whatever the input', () => {
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
  const input = { attempts: 1, lifeMs: HOURS_2, leftMs: 0, random: 0.5, before: undefined };

  test.each([
    ['1 ms ahead is too soon', now + 1, now + 200],
    ['199 ms ahead is too soon', now + 199, now + 200],
    ['200 ms ahead is soon enough', now + 200, now + 200],
    ['201 ms ahead stands', now + 201, now + 201],
    ['is made whole', now + 300.6, now + 301],
    ['a ms below a day stands', now + DAY - 1, now + DAY - 1],
    ['a day ahead stands', now + DAY, now + DAY],
    ['a ms above a day is brought back', now + DAY + 1, now + DAY],
  ])('the retryAt of an error counts within its bounds: %s', (_, retryAt, expected) => {
    const error = new TokenError('QUOTA_EXHAUSTED', 'enough', { retryAt });
    expect(nextAttemptAt(error, now, input)).toBe(expected);
  });

  test.each([
    ['an operator has to act first: 10 minutes', 'UPSTREAM_REJECTED', false, 600_000],
    ['it may pass: back-off', 'UPSTREAM_REJECTED', true, 500],
    ['there was no answer: back-off', 'UPSTREAM_UNAVAILABLE', false, 500],
    ['there was no answer, and it may pass: back-off', 'UPSTREAM_UNAVAILABLE', true, 500],
  ])('nextAttemptAt: %s', (_, code, retryable, delay) => {
    expect(nextAttemptAt(new TokenError(code, 'no', { retryable }), now, input)).toBe(now + delay);
  });
});

describe('nextAttemptAt while a token lives', () => {
  const now = 1_800_000_000_000;
  const rejected = (facts: TokenErrorFacts = {}) => new TokenError('UPSTREAM_REJECTED', 'no', facts);
  const limited = (facts: TokenErrorFacts = {}) => new TokenError('QUOTA_EXHAUSTED', 'enough', facts);
  const inMinutes = (minutes: number) => now + minutes * 60_000;
  const busy = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { retryable: true });
  const unknown = rejected({ errcode: 61_450, retryable: true });
  const secret = rejected({ errcode: 40_125, retryAt: inMinutes(10) });
  const address = rejected({ errcode: 40_164, retryAt: inMinutes(10), hostOnly: true });
  const confirm = rejected({ errcode: 89_506, retryAt: inMinutes(1_440), hostOnly: true });
  const rate = limited({ errcode: 45_011, retryAt: now + 40_000 });
  const quota = limited({ errcode: 45_009, retryAt: inMinutes(30) });
  const own = limited({ retryAt: inMinutes(30) });
  const reauthorize = new TokenError('REAUTHORIZATION_REQUIRED', 'gone', { errcode: 42_002, retryAt: inMinutes(10) });
  const ticket = new TokenError('INPUT_MISSING', 'ticket', { errcode: 61_006, retryAt: inMinutes(10) });

  test.each<[string, TokenError, number, number, TokenError | undefined]>([
    ['a passing failure backs off', busy, 900_000, 30_000, undefined],
    ['a passing failure takes at most half of what is left', busy, 40_000, 20_000, undefined],
    ['an unknown code backs off', unknown, 900_000, 30_000, undefined],
    ['a limit by the minute is waited for', rate, 900_000, 40_000, undefined],
    ['a limit by the minute takes at most half of what is left', rate, 60_000, 30_000, rate],
    ['a limit by the minute: half of what is left is as far', rate, 80_000, 40_000, undefined],
    ['a limit by the minute: half of what is left is 1 ms farther', rate, 80_002, 40_000, undefined],
    ['a limit by the minute: half of what is left is 1 ms nearer', rate, 79_998, 39_999, undefined],
    ['a limit by the day is asked about half-way', quota, 900_000, 450_000, undefined],
    ['a limit by the day is asked about half-way after another failure', quota, 900_000, 450_000, secret],
    ['a limit by the day is asked about once more at the end', quota, 450_000, 450_000, quota],
    ['a wrong secret is asked about half-way', secret, 900_000, 450_000, undefined],
    ['a wrong secret is asked about half-way again', secret, 450_000, 225_000, secret],
    ['a wrong secret without an instant of its own too', rejected(), 900_000, 450_000, undefined],
    ['an address that is not allowed is asked about half-way again', address, 450_000, 225_000, address],
    ['refusals are 30 s apart, 1 ms above', secret, 60_002, 30_001, secret],
    ['refusals are 30 s apart', secret, 60_000, 30_000, secret],
    ['refusals are 30 s apart, 1 ms below', secret, 59_998, 30_000, secret],
    ['without room for another one it comes at the end: 1 ms of room', secret, 30_001, 30_000, secret],
    ['without room for another one it comes at the end', secret, 30_000, 30_000, secret],
    ['without room for another one it comes at the end: 1 ms too little', secret, 29_999, 29_999, secret],
    ['the administrator is asked once more half-way', confirm, 900_000, 450_000, undefined],
    ['the administrator is asked once more at the end', confirm, 450_000, 450_000, confirm],
    [
      'the first code that asks the administrator',
      rejected({ errcode: 89_501 }),
      8_000,
      8_000,
      rejected({ errcode: 89_501 }),
    ],
    [
      'the last code that asks the administrator',
      rejected({ errcode: 89_507 }),
      80_000,
      80_000,
      rejected({ errcode: 89_507 }),
    ],
    ['the code before those', rejected({ errcode: 89_500 }), 80_000, 40_000, rejected({ errcode: 89_500 })],
    ['the code after those', rejected({ errcode: 89_508 }), 80_000, 40_000, rejected({ errcode: 89_508 })],
    ['an ended authorization waits as long as it says', reauthorize, 900_000, 600_000, undefined],
    ['a refused ticket waits as long as it says', ticket, 900_000, 600_000, undefined],
    ['the instant that a refresher gives of its own accord stands', own, 900_000, 1_800_000, undefined],
    [
      'and so does one beyond the end of a refusal',
      rejected({ retryAt: inMinutes(20) }),
      900_000,
      1_200_000,
      undefined,
    ],
    ['with 1 ms left it is 200 ms at least', secret, 1, 200, secret],
  ])('nextAttemptAt, while a token lives: %s', (_, error, leftMs, expectedMs, before) => {
    const attempt = { attempts: 7, lifeMs: HOURS_2, leftMs, random: 0.5, before };
    expect(nextAttemptAt(error, now, attempt) - now).toBe(expectedMs);
  });

  test.each<[string, TokenError, number]>([
    ['a limit by the minute', rate, 40_000],
    ['a limit by the day', quota, 1_800_000],
    ['a wrong secret', secret, 600_000],
    ['a refusal of the administrator', confirm, 86_400_000],
  ])('the cool-down of %s begins at the end of the token', (_, error, expectedMs) => {
    for (const leftMs of [0, -1]) {
      const attempt = { attempts: 7, lifeMs: HOURS_2, leftMs, random: 0.5, before: error };
      expect(nextAttemptAt(error, now, attempt) - now).toBe(expectedMs);
    }
  });

  test.each([
    [900_000, 6],
    [3_600_000, 8],
  ])('I10: from %i ms before its end a refusal makes %i attempts, and the next one at the end', (fromMs, expected) => {
    let leftMs = fromMs;
    let made = 0;
    for (; leftMs > 0; made++) {
      const attempt = { attempts: made + 1, lifeMs: HOURS_2, leftMs, random: 0.5, before: secret };
      leftMs -= nextAttemptAt(secret, now, attempt) - now;
    }
    expect([made, leftMs]).toEqual([expected, 0]);
  });
});
