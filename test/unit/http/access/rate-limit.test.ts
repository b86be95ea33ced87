import { expect, test } from 'vitest';
import { RateLimit } from '../../../../src/http/access/rate-limit.js';

test.each([
  [499, 1],
  [500, 0],
  [501, 0],
])('two a second: after both, the next comes at %i ms with %i s to wait', (ms, seconds) => {
  const limit = new RateLimit(2, 0);
  expect([limit.take(0), limit.take(0)]).toEqual([0, 0]);
  expect(limit.take(ms)).toBe(seconds);
});

test('one in a hundred seconds says how long it takes', () => {
  const limit = new RateLimit(0.01, 0);
  expect(limit.take(0)).toBe(0);
  expect([limit.take(0), limit.take(50_000)]).toEqual([100, 50]);
  expect(limit.take(100_000)).toBe(0);
});

test('a pause saves up no more than a second of requests', () => {
  const limit = new RateLimit(3, 0);
  const taken = Array.from({ length: 5 }, () => limit.take(3_600_000));
  expect(taken.filter((seconds) => seconds === 0)).toHaveLength(3);
});
