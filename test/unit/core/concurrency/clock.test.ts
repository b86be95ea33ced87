import { getEventListeners } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock, wait } from '../../../../src/core/concurrency/clock.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

describe('systemClock', () => {
  test('systemClock is the time and the randomness of this process', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
    expect(Math.abs(systemClock.monotonic() - performance.now())).toBeLessThan(1_000);
    const random = systemClock.random();
    expect(random >= 0 && random < 1).toBe(true);
  });

  test('systemClock follows the time and the randomness that a test runner puts in place of the real ones', () => {
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(Date, 'now').mockReturnValue(5);
    vi.spyOn(Math, 'random').mockReturnValue(0.25);
    expect([systemClock.now(), systemClock.random()]).toEqual([5, 0.25]);
  });

  test('a timer fires once, and not after it was cancelled', async () => {
    let fired = 0;
    const cancelled = systemClock.setTimer(() => fired++, 0);
    cancelled.cancel();
    cancelled.cancel();
    await new Promise<void>((resolve) => void systemClock.setTimer(resolve, 1, { ref: true }));
    expect(fired).toBe(0);
  });

  test.each([
    [undefined, 0],
    [{ ref: false }, 0],
    [{ ref: true }, 1],
  ])('a timer with %j keeps the process alive: %i', (options, expected) => {
    const count = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = count();
    const timer = systemClock.setTimer(() => {}, 60_000, options);
    expect(count() - before).toBe(expected);
    timer.cancel();
  });
});

describe('wait', () => {
  test('wait resolves when the time is over, and leaves nothing behind', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    let over = false;
    void wait(clock, 100, { signal }).then(() => {
      over = true;
    });
    await clock.advance(99);
    expect(over).toBe(false);
    await clock.advance(1);
    expect([over, clock.pendingTimers, getEventListeners(signal, 'abort')]).toEqual([true, 0, []]);
  });

  test('wait adds one listener to a signal, however many waits share it', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 20 }, () => wait(clock, 100, { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await clock.advance(100);
    await Promise.all(waiting);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('wait rejects with the reason of the signal, before and meanwhile, and leaves no timer', async () => {
    const clock = new FakeClock();
    await expect(wait(clock, 100, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(clock.pendingTimers).toBe(0);
    const controller = new AbortController();
    const waiting = wait(clock, 100, { signal: controller.signal });
    controller.abort('meanwhile');
    await expect(waiting).rejects.toBe('meanwhile');
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    [{}, false],
    [{ ref: true }, true],
  ])('a wait with %j keeps the process alive: %s', (options, ref) => {
    const timers: unknown[] = [];
    const clock = {
      now: () => 0,
      monotonic: () => 0,
      random: () => 0,
      setTimer: (_: () => void, ...rest: unknown[]) => {
        timers.push(rest);
        return { cancel() {} };
      },
    };
    void wait(clock, 7, options);
    expect(timers).toEqual([[7, { ref }]]);
  });
});
