import { expect, test } from 'vitest';
import { LookUpTurns } from '../../../../src/core/concurrency/look-up-turns.js';
import { FakeClock } from '../../../../src/testing/index.js';

const GROUP = '10.0.0.1';

/** A limit of a number of look-ups, and turns at it. */
function scene(limit: number) {
  let left = limit;
  const clock = new FakeClock();
  const turns = new LookUpTurns(clock);
  const reserve = (): boolean => {
    if (left === 0) return false;
    left -= 1;
    return true;
  };
  const end = (givesBack: boolean): void => {
    if (givesBack) left += 1;
    turns.end(GROUP);
  };
  return { clock, turns, reserve, end, later: () => turns.begin(GROUP, reserve) };
}

test('look-ups beyond the limit begin when those in progress give back what they have taken', async () => {
  const { later, end } = scene(1);
  expect(await later()).toBe(true);
  for (const waiting of [later(), later(), later()]) {
    end(true);
    expect(await waiting).toBe(true);
  }
});

test('two look-ups that end at the same time let two others begin', async () => {
  const { later, end } = scene(3);
  for (let begun = 0; begun < 3; begun++) await later();
  const waiting = Promise.all([later(), later()]);
  end(true);
  end(true);
  expect(await waiting).toEqual([true, true]);
});

test('look-ups that wait are refused together when the last one in progress has kept what it has taken', async () => {
  const { later, end } = scene(2);
  expect(await Promise.all([later(), later()])).toEqual([true, true]);
  const waiting = Promise.all([later(), later(), later()]);
  end(false);
  end(false);
  expect(await waiting).toEqual([false, false, false]);
});

test('a look-up beyond the limit is refused at once while none of its group is in progress', async () => {
  const { later, turns } = scene(0);
  expect(turns.begin('10.0.0.2', () => true)).toBe(true);
  expect(await later()).toBe(false);
});

test('a look-up waits for five seconds while those in progress do not end', async () => {
  const { later, clock } = scene(1);
  await later();
  let begun: boolean | undefined;
  const waiting = Promise.resolve(later()).then((result) => {
    begun = result;
  });
  await clock.advance(4_999);
  expect(begun).toBeUndefined();
  await clock.advance(1);
  await waiting;
  expect(begun).toBe(false);
});
