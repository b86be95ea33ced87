import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { AttemptTime } from '../../../../src/core/refresh/attempt-time.js';
import { pauseFlight } from '../../../../src/core/refresh/flight-pause.js';
import type { Flight } from '../../../../src/core/refresh/single-flight.js';
import { FakeClock } from '../../../../src/testing/index.js';

class WatchedClock extends FakeClock {
  readonly set: [delayMs: number, ref: boolean | undefined][] = [];

  override setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }) {
    this.set.push([delayMs, options?.ref]);
    return super.setTimer(callback, delayMs);
  }
}

let clock: WatchedClock;
let closing: Closing;
let wake: () => void;

beforeEach(() => {
  clock = new WatchedClock();
  closing = new Closing();
});

function pause(ms: number, urgent = false): { readonly isOver: () => boolean; readonly paused: Promise<void> } {
  let isOver = false;
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const flight = { urgent, woken: () => woken } as unknown as Flight<unknown>;
  const paused = pauseFlight(flight, { clock, closing }, ms).finally(() => {
    isOver = true;
  });
  paused.catch(() => {});
  return { isOver: () => isOver, paused };
}

describe('the pause of a flight', () => {
  test.each([
    [0, 1],
    [0.5, 1],
    [20, 20],
    [20.1, 21],
  ])('a flight pauses for %d ms, which are %i', async (ms, wholeMs) => {
    const { isOver, paused } = pause(ms);
    await clock.advance(wholeMs - 1);
    expect(isOver()).toBe(false);
    await clock.advance(1);
    await paused;
    expect(clock.set).toEqual([[wholeMs, false]]);
  });

  test('a flight that is woken pauses no longer, and leaves no timer', async () => {
    const { paused } = pause(1_000, true);
    wake();
    await paused;
    await clock.advance(0);
    expect([clock.pendingTimers, clock.set]).toEqual([0, [[1_000, true]]]);
  });

  test('a flight does not go on once the manager is closing', async () => {
    const { paused } = pause(1_000);
    closing.begin();
    wake();
    await expect(paused).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(pause(1_000).paused).rejects.toMatchObject({ code: 'CLOSED' });
    expect(clock.set).toHaveLength(1);
  });
});

describe('the time of an attempt', () => {
  const KEY = { appid: 'wx1', type: 'a' };

  test('an attempt is ended after 15 s with an error that passes', async () => {
    const time = new AttemptTime(clock, KEY);
    await clock.advance(14_999);
    expect(time.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(time.signal.reason).toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: 'no answer within 15000 ms',
      retryable: true,
      ...KEY,
    });
  });

  test('an attempt that has its answer is not ended later, and what it has left behind is aborted on request', async () => {
    const [answered, left] = [new AttemptTime(clock, KEY), new AttemptTime(clock, KEY)];
    const reason = new TokenError('CLOSED', 'no', {});
    answered.end();
    left.end(reason);
    await clock.advance(60_000);
    expect([answered.signal.aborted, left.signal.reason, clock.pendingTimers]).toEqual([false, reason, 0]);
  });
});
