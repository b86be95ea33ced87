import { beforeEach, expect, test } from 'vitest';
import { tokenKey } from '../../../../src/core/model/token-key.js';
import type { Claim } from '../../../../src/core/refresh/claim.js';
import { TaskEntry } from '../../../../src/core/registry/task-entry.js';
import { FunctionTasks } from '../../../../src/core/schedule/function-tasks.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { openStorage } from '../../../support/worlds/storage.js';

/** The time for which a due task is left to the schedule of the fleet, with a random number of one half. */
const LEFT_MS = 3_000;

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let store: SupervisedStore;
let cached: boolean;
let read: string[];
let reserve: () => Promise<void>;
let claimed: { readonly id: string; readonly at: number }[];
let work: () => Promise<void>;
let rescheduled: (string | undefined)[];
let tasks: FunctionTasks;

beforeEach(() => {
  clock = new FakeClock({ random: 0.5 });
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  cached = true;
  read = [];
  reserve = async () => {};
  claimed = [];
  work = async () => {};
  rescheduled = [];
  const storage = openStorage(faulty, clock);
  store = storage.store;
  tasks = new FunctionTasks({
    store,
    clock: storage.clock,
    records: { cache: { get: () => (cached ? {} : undefined) } } as never,
    rateLimit: { reserve: () => reserve() } as never,
    recordReader: { read: async ({ subject }: { subject: string }) => void read.push(subject) } as never,
    dispatcher: {
      dispatch: (claims: readonly Claim[]) =>
        claims.map(async ({ lease, beginsAtMonotonic }) => {
          claimed.push({ id: lease.id, at: beginsAtMonotonic });
          await work();
          await lease.release();
        }),
    } as never,
  });
  tasks.start({ reschedule: ({ subject }) => void rescheduled.push(subject) });
});

function task(subject = 'a', appid = 'wx1'): TaskEntry {
  const key = tokenKey(appid, 'user', subject);
  return new TaskEntry(key, { key, params: async () => ({}), notify: undefined, functionMissing: false, version: 1 });
}

test('a task with a function is claimed a few polls after it is due, and then rescheduled', async () => {
  tasks.set(task(), clock.now() + 10_000);
  await clock.advance(10_000 + LEFT_MS - 1);
  expect(claimed).toEqual([]);
  await clock.advance(1);
  expect(claimed).toEqual([{ id: 'key/wx1/user/a', at: 13_000 }]);
  expect([rescheduled, read, clock.pendingTimers]).toEqual([['a'], [], 0]);
});

test('a task that is overdue is left to the schedule from now on, and not longer when it is set again', async () => {
  const overdue = task();
  tasks.set(overdue, clock.now() - 60_000);
  await clock.advance(2_000);
  tasks.set(overdue, clock.now() - 1);
  await clock.advance(LEFT_MS - 2_000);
  expect(claimed).toHaveLength(1);
  tasks.set(overdue, clock.now());
  await clock.advance(LEFT_MS);
  expect(claimed).toHaveLength(2);
});

test('a task that was overdue and is due later is claimed then', async () => {
  const moved = task();
  tasks.set(moved, clock.now());
  tasks.set(moved, clock.now() + 10_000);
  await clock.advance(10_000);
  expect(claimed).toEqual([]);
  tasks.set(moved, clock.now());
  await clock.advance(LEFT_MS);
  expect(claimed).toHaveLength(1);
});

test('a task that was deleted is not claimed, and counts as new when it is set again', async () => {
  const deleted = task();
  tasks.set(deleted, clock.now());
  tasks.delete(deleted);
  await clock.advance(60_000);
  expect(claimed).toEqual([]);
  tasks.set(deleted, clock.now());
  await clock.advance(LEFT_MS);
  expect(claimed).toHaveLength(1);
});

test('the record of a task is read before it is claimed, if it is not cached', async () => {
  cached = false;
  tasks.set(task(), clock.now());
  await clock.advance(LEFT_MS);
  expect([read, claimed.length]).toEqual([['a'], 1]);
});

test('a task whose key is leased by another process is left to it, and rescheduled', async () => {
  await memory.lease('key/wx1/user/a', 60_000);
  tasks.set(task(), clock.now());
  await clock.advance(LEFT_MS);
  expect([claimed, rescheduled]).toEqual([[], ['a']]);
});

test('a task that the store does not lease is rescheduled', async () => {
  faulty.before = () => {
    throw new Error('gone');
  };
  tasks.set(task(), clock.now());
  await clock.advance(LEFT_MS);
  expect([claimed, rescheduled]).toEqual([[], ['a']]);
});

test('eight tasks are in progress at once, and the next one begins when one of them has ended', async () => {
  const ends: (() => void)[] = [];
  work = () => new Promise((resolve) => ends.push(resolve));
  for (let index = 0; index < 9; index++) tasks.set(task('a', `wx${index}`), clock.now());
  await clock.advance(LEFT_MS);
  expect(claimed).toHaveLength(8);
  ends[0]?.();
  await clock.advance(0);
  expect(claimed).toHaveLength(9);
});

test('stop waits for what is in progress, reschedules nothing, and leaves no timer', async () => {
  let end = (): void => {};
  work = () => new Promise((resolve) => (end = resolve));
  tasks.set(task(), clock.now());
  await clock.advance(LEFT_MS);
  tasks.set(task('b'), clock.now());
  let isStopped = false;
  const stopping = tasks.stop().then(() => {
    isStopped = true;
  });
  await clock.advance(60_000);
  expect([isStopped, claimed.length]).toEqual([false, 1]);
  end();
  await stopping;
  expect([rescheduled, clock.pendingTimers]).toEqual([[], 0]);
});
