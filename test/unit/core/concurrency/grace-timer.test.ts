import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../../src/core/concurrency/clock.js';
import { setGraceTimer } from '../../../../src/core/concurrency/grace-timer.js';
import { FakeClock } from '../../../../src/testing/index.js';

/** Returns a clock on which each timer comes late by what `lateMs` says at that time. */
function lateClock(clock: FakeClock, lateMs: () => number): Clock {
  let offset = 0;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() + offset,
    random: () => 0,
    setTimer: (callback, delayMs) =>
      clock.setTimer(() => {
        offset += lateMs();
        callback();
      }, delayMs),
  };
}

/** Returns a clock on which the process sleeps through the next timer. */
function sleepy(clock: FakeClock, sleptMs: number): Clock {
  let hasSlept = false;
  return lateClock(clock, () => {
    const lateMs = hasSlept ? 0 : sleptMs;
    hasSlept = true;
    return lateMs;
  });
}

test.each([
  [0, 0],
  [99, 0],
  [100, 1_000],
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

test('a process that is suspended again and again gets another second each time', async () => {
  const clock = new FakeClock();
  let calledAt: number | undefined;
  const suspended = lateClock(clock, () => (clock.monotonic() < 9_000 ? 20_000 : 0));
  setGraceTimer(suspended, () => (calledAt = clock.monotonic()), 6_000);
  await clock.advance(60_000);
  expect(calledAt).toBe(9_000);
});

test('a second that begins some milliseconds late is not followed by another one', async () => {
  const clock = new FakeClock();
  let calledAt: number | undefined;
  const busy = lateClock(clock, () => 999);
  setGraceTimer(busy, () => (calledAt = clock.monotonic()), 6_000);
  await clock.advance(60_000);
  expect(calledAt).toBe(7_000);
});

test('an answer that has arrived when the timer fires is read before the wait ends', async () => {
  const seen: string[] = [];
  let ended = (_seen: string[]): void => {};
  const wait = new Promise<string[]>((resolve) => (ended = resolve));
  const server = createServer((socket) => {
    socket.once('data', () => {
      setGraceTimer(systemClock, () => ended([...seen]), 20);
      socket.write('the answer');
      // The answer is in the socket by now, and the timer is due when the event loop goes on.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('data', (data) => void seen.push(data.toString()));
  client.write('a request');
  try {
    expect(await wait).toEqual(['the answer']);
  } finally {
    client.destroy();
    server.close();
  }
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
