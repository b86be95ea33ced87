import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import { Deadline } from '../../../../src/core/model/deadline.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
});

function state<Result>(promise: Promise<Result>): { value: unknown } {
  const seen: { value: unknown } = { value: 'pending' };
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error: unknown) => {
      seen.value = error;
    },
  );
  return seen;
}

const never = new Promise<never>(() => {});

function later<Result>(ms: number, result: Result): Promise<Result> {
  return new Promise((resolve) => clock.setTimer(() => resolve(result), ms));
}

describe('race', () => {
  test('race answers with the result or the error of the promise, and leaves no timer and no listener', async () => {
    const { signal } = new AbortController();
    const deadline = new Deadline(clock, 1_000, signal);
    await expect(deadline.race(Promise.resolve(5))).resolves.toBe(5);
    await expect(deadline.race(Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect([clock.pendingTimers, getEventListeners(signal, 'abort')]).toEqual([0, []]);
  });

  test('race times out exactly when the time is over', async () => {
    const { signal } = new AbortController();
    const seen = state(new Deadline(clock, 1_000, signal).race(never));
    await clock.advance(999);
    expect(seen.value).toBe('pending');
    await clock.advance(1);
    expect(seen.value).toMatchObject({ code: 'TIMEOUT', message: 'no token within 1000 ms', retryable: true });
    expect([clock.pendingTimers, getEventListeners(signal, 'abort')]).toEqual([0, []]);
  });

  test('the time of a deadline runs from its beginning, for all races together', async () => {
    const deadline = new Deadline(clock, 1_000, undefined);
    await clock.advance(600);
    expect(deadline.leftMs()).toBe(400);
    const seen = state(deadline.race(never));
    await clock.advance(400);
    expect(seen.value).toMatchObject({ code: 'TIMEOUT' });
    expect(deadline.leftMs()).toBe(0);
    await clock.advance(400);
    expect(deadline.leftMs()).toBe(0);
  });

  test('a deadline does not depend on changes of the wall clock', async () => {
    const deadline = new Deadline(clock, 1_000, undefined);
    clock.jump(-3_600_000);
    expect(deadline.leftMs()).toBe(1_000);
    clock.jump(7_200_000);
    expect(deadline.leftMs()).toBe(1_000);
  });

  test('race answers a promise that is already settled without any time', async () => {
    await expect(new Deadline(clock, 0, undefined).race(Promise.resolve(5))).resolves.toBe(5);
    const seen = state(new Deadline(clock, 0, undefined).race(never));
    await clock.advance(0);
    expect(seen.value).toMatchObject({ code: 'TIMEOUT' });
  });

  test('the timer of a deadline is whole milliseconds and keeps the process alive', () => {
    const timers: unknown[] = [];
    const watched = {
      now: () => 0,
      monotonic: () => 0,
      random: () => 0,
      setTimer: (_: () => void, ...rest: unknown[]) => {
        timers.push(rest);
        return { cancel() {} };
      },
    };
    void new Deadline(watched, 0.25, undefined).race(never);
    expect(timers).toEqual([[1, { ref: true }]]);
  });

  test('race rejects with the reason of a signal aborted before, and the promise may fail unseen', async () => {
    const failing = later(1, 0).then(() => Promise.reject(new Error('unseen')));
    const race = new Deadline(clock, 1_000, AbortSignal.abort('enough')).race(failing);
    await expect(race).rejects.toBe('enough');
    await clock.advance(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('race rejects with the reason of a signal aborted meanwhile, and the promise goes on', async () => {
    const controller = new AbortController();
    const promise = later(10, 'done');
    const seen = state(new Deadline(clock, 1_000, controller.signal).race(promise));
    await clock.advance(5);
    controller.abort('enough');
    await clock.advance(0);
    expect(seen.value).toBe('enough');
    expect([clock.pendingTimers, getEventListeners(controller.signal, 'abort')]).toEqual([1, []]);
    await clock.advance(5);
    await expect(promise).resolves.toBe('done');
  });
});

test('the signal of a polyfill, which has no reason, ends a race with an AbortError', async () => {
  const target = new EventTarget();
  const polyfill = Object.assign(target, { aborted: false }) as unknown as AbortSignal & { aborted: boolean };
  const race = new Deadline(clock, 1_000, polyfill).race(never);
  target.dispatchEvent(new Event('abort'));
  await expect(race).rejects.toMatchObject({ name: 'AbortError' });
  Object.assign(polyfill, { aborted: true });
  await expect(new Deadline(clock, 1_000, polyfill).race(never)).rejects.toMatchObject({ name: 'AbortError' });
  expect(clock.pendingTimers).toBe(0);
});

describe('settles', () => {
  test('settles answers with the result, or with nothing when the promise rejects', async () => {
    const deadline = new Deadline(clock, 1_000, undefined);
    await expect(deadline.settles(Promise.resolve(5), 100)).resolves.toBe(5);
    await expect(deadline.settles(Promise.reject(new Error('no')), 100)).resolves.toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    ['its own bound', 100, 1_000, 100],
    ['the deadline', 1_000, 100, 100],
  ])('settles waits no longer than %s', async (_, maxMs, timeoutMs, expected) => {
    const seen = state(new Deadline(clock, timeoutMs, undefined).settles(never, maxMs));
    await clock.advance(expected - 1);
    expect(seen.value).toBe('pending');
    await clock.advance(1);
    expect([seen.value, clock.pendingTimers]).toEqual([undefined, 0]);
  });

  test('settles rejects with the reason of the signal', async () => {
    const controller = new AbortController();
    const seen = state(new Deadline(clock, 1_000, controller.signal).settles(never, 100));
    controller.abort('enough');
    await clock.advance(0);
    expect(seen.value).toBe('enough');
  });
});
