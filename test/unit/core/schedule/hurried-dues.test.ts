import { beforeEach, expect, test } from 'vitest';
import { HurriedDues } from '../../../../src/core/schedule/hurried-dues.js';
import { FakeClock } from '../../../../src/testing/index.js';

const KEY = { appid: 'wx1', type: 'access_token' };

let clock: FakeClock;
let asked: string[];
let failing: Set<string>;
let dues: HurriedDues;
let hold: Promise<void> | undefined;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  failing = new Set();
  hold = undefined;
  const work = async (name: string): Promise<void> => {
    asked.push(`${name} at ${clock.monotonic()}`);
    await hold;
    if (failing.has(name)) throw new Error('no');
  };
  dues = new HurriedDues(
    { makeDueNow: ({ appid, type }) => work(`${appid}/${type}`), makeAllDueNow: (appid) => work(appid) },
    clock,
  );
});

test('a key and an app are made due at once, and only once if the store does so', async () => {
  dues.hurry(KEY);
  dues.hurryApp('wx2');
  await clock.advance(600_000);
  expect(asked).toEqual(['wx1/access_token at 0', 'wx2 at 0']);
  expect(clock.pendingTimers).toBe(0);
});

test('a key that could not be made due is tried again after 5 s, 10 s and so on, at most a minute later', async () => {
  failing.add('wx1/access_token');
  dues.hurry(KEY);
  await clock.advance(195_000);
  expect(asked.map((text) => Number(text.split(' ').at(-1)) / 1_000)).toEqual([0, 5, 15, 35, 75, 135, 195]);
  failing.clear();
  await clock.advance(600_000);
  expect(asked).toHaveLength(8);
  expect(clock.pendingTimers).toBe(0);
});

test('the pauses begin anew after everything was made due', async () => {
  failing.add('wx1');
  dues.hurryApp('wx1');
  await clock.advance(5_000);
  failing.clear();
  await clock.advance(10_000);
  expect(asked).toHaveLength(3);
  failing.add('wx1');
  dues.hurryApp('wx1');
  await clock.advance(5_000);
  expect(asked.at(-1)).toBe('wx1 at 20000');
});

test('several keys that could not be made due are tried again together, one after the other', async () => {
  for (const appid of ['wx1', 'wx2', 'wx3']) failing.add(appid);
  for (const appid of ['wx1', 'wx2', 'wx3']) dues.hurryApp(appid);
  await clock.advance(1);
  expect(clock.pendingTimers).toBe(1);
  asked = [];
  let release = (): void => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  await clock.advance(4_999);
  expect(asked).toEqual(['wx1 at 5000']);
  failing.delete('wx2');
  release();
  await clock.advance(0);
  expect(asked).toEqual(['wx1 at 5000', 'wx2 at 5000', 'wx3 at 5000']);
  await clock.advance(10_000);
  expect(asked.slice(3)).toEqual(['wx1 at 15000', 'wx3 at 15000']);
});

test('a key that was made due meanwhile is not tried again', async () => {
  failing.add('wx1');
  dues.hurryApp('wx1');
  await clock.advance(1_000);
  failing.clear();
  dues.hurryApp('wx1');
  await clock.advance(600_000);
  expect(asked).toHaveLength(2);
});

test('no key is tried again after a stop, which waits for the one in progress', async () => {
  for (const appid of ['wx1', 'wx2']) failing.add(appid);
  for (const appid of ['wx1', 'wx2']) dues.hurryApp(appid);
  await clock.advance(1);
  let release = (): void => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  await clock.advance(5_000);
  let isStopped = false;
  const stopped = dues.stop().then(() => {
    isStopped = true;
  });
  await clock.advance(0);
  expect(isStopped).toBe(false);
  release();
  await stopped;
  await clock.advance(600_000);
  expect(asked).toHaveLength(3);
  expect(clock.pendingTimers).toBe(0);
});

test('a key that is still to be tried again is not after a stop', async () => {
  failing.add('wx1');
  dues.hurryApp('wx1');
  await clock.advance(1_000);
  await dues.stop();
  expect(clock.pendingTimers).toBe(0);
});
