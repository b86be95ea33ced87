import { expect, test } from 'vitest';
import { RateLimit } from '../../../../src/http/access/rate-limit.js';

test.each([
  [499, 1],
  [500, 0],
  [501, 0],
])('two requests a second are used up: at %i ms the next has to wait %i s', (ms, seconds) => {
  const limit = new RateLimit(2, 0);
  expect([limit.take(0), limit.take(0)]).toEqual([0, 0]);
  expect(limit.take(ms)).toBe(seconds);
});

test('a limit of one request in 100 s returns the seconds to wait', () => {
  const limit = new RateLimit(0.01, 0);
  expect(limit.take(0)).toBe(0);
  expect([limit.take(0), limit.take(50_000)]).toEqual([100, 50]);
  expect(limit.take(100_000)).toBe(0);
});

test('a pause saves up at most one second of requests', () => {
  const limit = new RateLimit(3, 0);
  const taken = Array.from({ length: 5 }, () => limit.take(3_600_000));
  expect(taken.filter((seconds) => seconds === 0)).toHaveLength(3);
});
