import { expect, test } from 'vitest';
import type { Clock } from '../../../../src/core/concurrency/clock.js';
import { setGraceTimer } from '../../../../src/core/concurrency/grace-timer.js';
import { FakeClock } from '../../../../src/testing/index.js';

/** A clock on which the process sleeps through the next timer. */
function sleepy(clock: FakeClock, sleptMs: number): Clock {
  let offset = 0;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() + offset,
    random: () => 0,
    setTimer: (callback, delayMs) =>
      clock.setTimer(() => {
        offset ||= sleptMs;
        callback();
      }, delayMs),
  };
}

test.each([
  [0, 0],
  [999, 0],
  [1_000, 1_000],
  [3_600_000, 1_000],
])('a timer that comes %i ms late calls %i ms after', async (lateMs, expected) => {
  const clock = new FakeClock();
  let calledAt: number | undefined;
  setGraceTimer(
    sleepy(clock, lateMs),
    () => {
      calledAt = clock.monotonic();
    },
    6_000,
  );
  await clock.advance(6_000 + expected - 1);
  expect(calledAt).toBeUndefined();
  await clock.advance(1);
  expect(calledAt).toBe(6_000 + expected);
});

test('a grace timer can be cancelled before and in its extra second', async () => {
  for (const waited of [3_000, 6_500]) {
    const clock = new FakeClock();
    const timer = setGraceTimer(sleepy(clock, 5_000), () => expect.fail('it was cancelled'), 6_000);
    await clock.advance(waited);
    timer.cancel();
    await clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
  }
});

test('a grace timer keeps the process alive, also in its extra second', async () => {
  const clock = new FakeClock();
  const kept: unknown[] = [];
  const watched: Clock = {
    ...sleepy(clock, 5_000),
    setTimer(callback, delayMs, options) {
      kept.push([delayMs, options?.ref]);
      return sleepy(clock, 5_000).setTimer(callback, delayMs);
    },
    monotonic: () => clock.monotonic() + (kept.length === 1 ? 5_000 : 0),
  };
  setGraceTimer(watched, () => {}, 6_000);
  await clock.advance(10_000);
  expect(kept).toEqual([
    [6_000, true],
    [1_000, true],
  ]);
});
