import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dueAfterOverlapAt,
  dueAgainAt,
  dueAt,
  dueOf,
  lifeMs,
  minValidityMs,
  type RefreshTimes,
  repeats,
} from '../../../../src/core/model/refresh-policy.js';

const START = 1_800_000_000_000;
const BY_DEFAULT: RefreshTimes = { marginMs: undefined, jitterMs: undefined, minValidityMs: undefined };

function lifetime(life: number) {
  return { obtainedAt: START, expiresAt: START + life };
}

test('a lifetime is the time between obtaining and expiry', () => {
  expect(lifeMs(lifetime(7_200_000))).toBe(7_200_000);
});

describe('minValidityMs', () => {
  test.each([
    [199_980, undefined, 9_999],
    [200_000, undefined, 10_000],
    [200_020, undefined, 10_000],
    [1_000, undefined, 50],
    [7_200_000, 60_000, 60_000],
    [7_200_000, 0, 0],
    [100_002, 50_000, 50_000],
    [100_000, 50_000, 50_000],
    [99_998, 50_000, 49_999],
  ])('minValidityMs of a life of %i ms with %s set is %i', (life, set, expected) => {
    expect(minValidityMs(lifetime(life), { ...BY_DEFAULT, minValidityMs: set })).toBe(expected);
  });
});

describe('dueAt', () => {
  test.each([
    ['margin: 5 minutes of a long life', 7_200_000, BY_DEFAULT, 0, 300_000],
    ['margin: a ms short of the bound', 1_499_995, BY_DEFAULT, 0, 299_999],
    ['margin: at the bound', 1_500_000, BY_DEFAULT, 0, 300_000],
    ['margin: above the bound', 1_500_005, BY_DEFAULT, 0, 300_000],
    ['margin: a fifth of a short life', 1_000, BY_DEFAULT, 0, 200],
    ['jitter: 10 minutes of a long life', 7_200_000, BY_DEFAULT, 0.5, 600_000],
    ['jitter: at the bound', 3_000_000, BY_DEFAULT, 0.5, 600_000],
    ['jitter: short of the bound', 2_999_980, BY_DEFAULT, 0.5, 599_998],
    ['jitter: a fifth of a short life', 1_000, BY_DEFAULT, 0.5, 300],
    ['a margin that is set', 7_200_000, { ...BY_DEFAULT, marginMs: 1_000, jitterMs: 0 }, 0.5, 1_000],
    ['no margin', 7_200_000, { ...BY_DEFAULT, marginMs: 0, jitterMs: 0 }, 0.5, 0],
    ['a set margin is half of the life at most', 1_000, { ...BY_DEFAULT, marginMs: 501, jitterMs: 0 }, 0.5, 500],
    ['a set jitter is half of the life at most', 1_000, { ...BY_DEFAULT, marginMs: 0, jitterMs: 501 }, 0.5, 250],
    ['is whole', 1_000, { ...BY_DEFAULT, marginMs: 0, jitterMs: 100 }, 0.123, 12],
  ])('dueAt: %s', (_, life, times, random, before) => {
    expect(dueAt(lifetime(life), times, random)).toBe(START + life - before);
  });

  test('dueAt lies within the life of the token, whatever is set', () => {
    const setting = fc.option(fc.nat({ max: 31_536_000_000 }), { nil: undefined });
    const times = fc.record({ marginMs: setting, jitterMs: setting, minValidityMs: setting });
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 31_536_000_000 }),
        times,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (life, given, random) => {
          const at = dueAt(lifetime(life), given, random);
          return Number.isInteger(at) && at >= START && at <= START + life;
        },
      ),
    );
  });
});

describe('dueAgainAt', () => {
  test.each([
    ['a third of what is left', 7_200_000, 300_000, 100_000],
    ['at least a second of a long life: below', 7_200_000, 2_997, 1_000],
    ['at least a second of a long life: above', 7_200_000, 3_003, 1_001],
    ['at least a twentieth of a short life', 2_000, 30, 100],
    ['after the end too', 7_200_000, -5_000, 1_000],
    ['is whole', 7_200_000, 30_001, 10_000],
  ])('dueAgainAt: %s', (_, life, left, expected) => {
    const now = START + life - left;
    expect(dueAgainAt(lifetime(life), now, left)).toBe(now + expected);
  });
});

test.each([
  [959_996, 239_999],
  [960_000, 240_000],
  [960_004, 240_000],
  [1_001, 250],
])('after an overlap a token that lives %i ms is due within %i ms', (life, expected) => {
  expect(dueAfterOverlapAt(lifetime(life), START + 7)).toBe(START + 7 + expected);
});

describe('repeats', () => {
  test.each([
    ['half of a very short life', 3_998, 1_999, true],
    ['one ms more than that half', 3_998, 2_000, false],
    ['two seconds of a short life', 50_000, 2_000, true],
    ['one ms more than two seconds', 50_000, 2_001, false],
    ['a hundredth of the life', 300_000, 3_000, true],
    ['one ms more than a hundredth', 300_000, 3_001, false],
    ['five seconds of a long life', 7_200_000, 5_000, true],
    ['one ms more than five seconds', 7_200_000, 5_001, false],
    ['the same end', 7_200_000, 0, true],
    ['an earlier end', 7_200_000, -600_000, true],
  ])('repeats judges the same value by the shift of its end: %s', (_, life, later, expected) => {
    const current = { value: 'a', ...lifetime(life) };
    expect(repeats(current, { ...current, expiresAt: current.expiresAt + later })).toBe(expected);
  });

  test('another value never repeats', () => {
    const current = { value: 'a', ...lifetime(7_200_000) };
    expect(repeats(current, { ...current, value: 'b' })).toBe(false);
  });
});

test.each([
  [5_000, START + 9_000],
  [5_001, START],
])('a token from %i ms ahead is due at %i', (ahead, expected) => {
  const grant = { obtainedAt: START + ahead, expiresAt: START + 9_999_999, dueAt: START + 9_000 };
  expect(dueOf(grant, START)).toBe(expected);
});
