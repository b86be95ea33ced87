import { beforeEach, describe, expect, it } from 'vitest';
import { HeartbeatWatch, startBeating } from '../../../../../src/cli/serve/processes/heartbeat.js';
import { FakeClock } from '../../../../../src/testing/index.js';

/** A clock whose process is held up: time passes while no timer fires. */
class HeldUpClock extends FakeClock {
  #heldUpMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.#heldUpMs;
  }

  /** The next timer fires so much late. */
  holdUp(ms: number): void {
    this.#heldUpMs += ms;
  }
}

let clock: HeldUpClock;
let hung: number[];
let watch: HeartbeatWatch;

beforeEach(() => {
  clock = new HeldUpClock();
  hung = [];
  watch = new HeartbeatWatch(clock, (silentMs) => hung.push(silentMs));
});

describe('the watch over heartbeats', () => {
  it.each([
    [11_999, []],
    [12_000, [12_000]],
    [60_000, [12_000]],
  ])('after %i ms of silence the watch has reported %j', async (ms, told) => {
    watch.beat(false);
    await clock.advance(ms);
    expect(hung).toEqual(told);
  });

  it('the watch starts again with each heartbeat', async () => {
    for (let second = 0; second < 60; second += 10) {
      watch.beat(false);
      await clock.advance(10_000);
    }
    expect(hung).toEqual([]);
    await clock.advance(2_000);
    expect(hung).toEqual([12_000]);
  });

  it('the watch counts a gap with a timer late by up to 2 s, and none with a later one', async () => {
    watch.beat(false);
    clock.holdUp(2_000);
    await clock.advance(1_000);
    await clock.advance(8_999);
    expect(hung).toEqual([]);
    await clock.advance(1);
    expect(hung).toEqual([12_000]);

    watch.beat(false);
    clock.holdUp(2_001);
    await clock.advance(1_000);
    await clock.advance(11_999);
    expect(hung).toHaveLength(1);
    await clock.advance(1);
    expect(hung).toEqual([12_000, 12_000]);
  });

  it('the watch does not count an hour in which both processes were frozen', async () => {
    watch.beat(false);
    await clock.advance(1_500);
    clock.holdUp(3_600_000);
    await clock.advance(1_000);
    expect(hung).toEqual([]);
    watch.beat(false);
    await clock.advance(11_999);
    expect(hung).toEqual([]);
  });

  it('the watch pauses while a debugger may stop the process, until a heartbeat without one', async () => {
    watch.beat(false);
    await clock.advance(2_000);
    watch.beat(true);
    await clock.advance(3_600_000);
    expect(hung).toEqual([]);
    watch.beat(false);
    await clock.advance(12_000);
    expect(hung).toEqual([12_000]);
  });

  it('the watch ends with the process, also for a heartbeat that is read later', async () => {
    watch.beat(false);
    watch.end();
    watch.beat(false);
    await clock.advance(60_000);
    expect(hung).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('heartbeats', () => {
  it('heartbeats are sent at once and every 2 s, with the state of the debugger, until they are ended', async () => {
    const said: boolean[] = [];
    let isDebugged = false;
    const end = startBeating(
      clock,
      () => isDebugged,
      (told) => said.push(told),
    );
    expect(said).toEqual([false]);
    await clock.advance(1_999);
    expect(said).toHaveLength(1);
    await clock.advance(1);
    expect(said).toHaveLength(2);
    isDebugged = true;
    await clock.advance(2_000);
    expect(said).toEqual([false, false, true]);
    end();
    await clock.advance(60_000);
    expect(said).toHaveLength(3);
    expect(clock.pendingTimers).toBe(0);
  });
});
