import { beforeEach, describe, expect, test } from 'vitest';
import { TaskChanges } from '../../../../src/core/engine/task-changes.js';
import { keyId, type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import { BackgroundCoolDowns } from '../../../../src/core/records/background-cool-downs.js';
import type { TaskEntry } from '../../../../src/core/registry/task-entry.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const KEY = tokenKey('wx1', 'access_token', undefined);
const USER = tokenKey('wx1', 'user', 'a');
const OTHER = tokenKey('wx2', 'access_token', undefined);

let clock: FakeClock;
let world: HeldRecordsWorld;
let coolDowns: BackgroundCoolDowns;
let calls: string[];
let isRegistryLoaded: boolean;
let isShared: boolean;
let changes: TaskChanges;

beforeEach(() => {
  clock = new FakeClock();
  world = holdRecords(new MemoryStore({ clock }), clock);
  coolDowns = new BackgroundCoolDowns(clock);
  calls = [];
  isRegistryLoaded = true;
  isShared = false;
  const note =
    (name: string) =>
    (key: TokenKey | string): void =>
      void calls.push(`${name} ${typeof key === 'string' ? key : keyId(key)}`);
  const noteTask =
    (name: string) =>
    ({ key }: TaskEntry): void =>
      note(name)(key);
  changes = new TaskChanges(
    { ...world, coolDowns },
    {
      flights: { reschedule: note('reschedule'), retrySoon: note('retry'), forget: noteTask('forget') } as never,
      scheduler: {
        get isShared() {
          return isShared;
        },
      } as never,
    },
    { taskChanged: note('deliver'), taskRemoved: note('no delivery') } as never,
    { added: noteTask('function'), removed: noteTask('lost function') } as never,
    {
      get isRegistryLoaded() {
        return isRegistryLoaded;
      },
    },
    {
      taskAdded: note('ticket'),
      taskRemoved: note('no ticket'),
      appRemoved: note('no tickets'),
      appChanged: note('tickets'),
    } as never,
  );
});

function hold(...keys: TokenKey[]): void {
  for (const key of keys) {
    const document = { version: 1, recordVersion: 1, unknown: {} };
    world.records.adopt(key, document, grantNow(clock, 'v', {}), { source: 'store', announceFirst: false });
  }
}

function task(key: TokenKey): TaskEntry {
  holdTask(world, key);
  return world.registry.task(key) as TaskEntry;
}

const isHeld = (key: TokenKey): boolean => world.records.cache.get(key) !== undefined;

describe('a task that was added', () => {
  test.each([
    ['is scheduled once the registry is loaded', true, false, false, true],
    ['is not scheduled while the registry is being loaded', false, false, false, false],
    ['is scheduled by the store in a fleet', true, true, false, false],
    ['is scheduled in a fleet where its record is held', true, true, true, true],
    ['is scheduled during the loading where its record is held', false, false, true, true],
  ])('a task that was added %s', (_, loaded, shared, held, expected) => {
    isRegistryLoaded = loaded;
    isShared = shared;
    if (held) hold(KEY);
    changes.taskAdded(task(KEY));
    expect(calls.includes('reschedule wx1/access_token')).toBe(expected);
    expect(calls.filter((call) => !call.startsWith('reschedule'))).toEqual([
      'deliver wx1/access_token',
      'function wx1/access_token',
      'ticket wx1/access_token',
    ]);
  });

  test('a task that was added ends the cool-down of its key', () => {
    coolDowns.add(KEY, false, 0, new Error('no'));
    changes.taskAdded(task(KEY));
    expect(coolDowns.leftMs(KEY)).toBe(0);
  });
});

test('a task that was registered anew is retried, and its target notified', () => {
  changes.taskReplaced(task(KEY));
  expect(calls).toEqual(['deliver wx1/access_token', 'retry wx1/access_token']);
});

test('a task that was removed is dropped with its record', () => {
  hold(KEY, USER);
  changes.taskRemoved(task(KEY));
  expect([isHeld(KEY), isHeld(USER)]).toEqual([false, true]);
  expect(calls).toEqual([
    'no delivery wx1/access_token',
    'forget wx1/access_token',
    'lost function wx1/access_token',
    'no ticket wx1/access_token',
  ]);
});

test('an app that is absent loses its records, and its tasks are scheduled anew', () => {
  task(USER);
  hold(KEY, USER, OTHER);
  changes.appForgotten('wx1');
  expect([KEY, USER, OTHER].map(isHeld)).toEqual([false, false, true]);
  expect(calls).toEqual(['no tickets wx1', 'reschedule wx1/user/a']);
});

test('an app that was registered anew has its tickets looked at, and its tasks retried', () => {
  task(KEY);
  task(USER);
  task(OTHER);
  changes.appReplaced('wx1');
  expect(calls.toSorted()).toEqual(['retry wx1/access_token', 'retry wx1/user/a', 'tickets wx1']);
});

describe('an enrolment that has ended', () => {
  test('an app that was enrolled anew loses the records of its keys, with and without tasks', () => {
    task(USER);
    hold(KEY, USER, OTHER);
    changes.enrolledAnew('wx1', undefined, {});
    expect([KEY, USER, OTHER].map(isHeld)).toEqual([false, false, true]);
    expect(calls[0]).toBe('no tickets wx1');
    expect(calls.slice(1).toSorted()).toEqual(['reschedule wx1/access_token', 'reschedule wx1/user/a']);
  });

  test('a task that was enrolled anew loses its own record alone', () => {
    hold(KEY, USER);
    changes.enrolledAnew('wx1', USER, {});
    expect([KEY, USER].map(isHeld)).toEqual([true, false]);
    expect(calls).toEqual(['reschedule wx1/user/a']);
    changes.enrolledAnew('wx1', USER, {});
    expect(calls).toHaveLength(1);
  });

  test('a record that is put back with the enrolment that it belongs to is kept', () => {
    hold(KEY);
    world.records.displace(() => ({ app: 'mark', task: undefined }));
    changes.enrolledAnew('wx1', undefined, { app: 'mark', task: undefined });
    expect(isHeld(KEY)).toBe(true);
    changes.enrolledAnew('wx1', undefined, { app: 'another', task: undefined });
    expect(isHeld(KEY)).toBe(false);
  });
});
