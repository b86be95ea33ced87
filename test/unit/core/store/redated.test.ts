import { expect, test } from 'vitest';
import { lateByMs, redated } from '../../../../src/core/store/redated.js';

const NOW = 1_700_000_000_000;
const GRANT = { value: 'CANARY', obtainedAt: NOW - 1_000, expiresAt: NOW + 10_000, dueAt: NOW + 9_000, scope: 's' };

test.each([
  [10_000, 0],
  [12_000, 0],
  [9_750, 0],
  [9_749, 251],
  [4_000.5, 5_999],
])('a grant that expires in 10 s by the wall clock, with %d ms left, expires %i ms too late', (leftMs, lateMs) => {
  expect(lateByMs(GRANT, NOW, leftMs)).toBe(lateMs);
});

test('the instants of a grant are moved back by the time by which the clock was set back', () => {
  expect(redated(GRANT, NOW, 4_000)).toEqual({
    ...GRANT,
    obtainedAt: NOW - 7_000,
    expiresAt: NOW + 4_000,
    dueAt: NOW + 3_000,
  });
});

test('a grant is left as it is unless the clock was set back', () => {
  expect(redated(GRANT, NOW, 10_000)).toBe(GRANT);
});
