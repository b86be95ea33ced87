import { beforeEach, describe, expect, test } from 'vitest';
import { ShownChanges } from '../../../../src/core/engine/shown-changes.js';
import { tokenKey } from '../../../../src/core/model/token-key.js';
import { TaskEntry } from '../../../../src/core/registry/task-entry.js';

const KEY = tokenKey('wx1', 'user', 'a');
const NOW = 1_000_000;

let calls: unknown[];

beforeEach(() => {
  calls = [];
});

interface Scene {
  readonly hasTask?: boolean;
  readonly hasFunction?: boolean;
  readonly isShared?: boolean;
  readonly refreshes?: boolean;
}

function changes({ hasTask = true, hasFunction = false, isShared = false, refreshes = true }: Scene): ShownChanges {
  const params = hasFunction ? async () => ({}) : undefined;
  const task = new TaskEntry(KEY, { key: KEY, params, notify: undefined, functionMissing: false, version: 1 });
  return new ShownChanges({
    registry: { task: () => (hasTask ? task : undefined) } as never,
    clock: { now: () => NOW },
    tokens: {
      replaceStale: async (...args: unknown[]) => {
        calls.push(['replace', ...args]);
        throw new Error('no');
      },
    } as never,
    refreshes,
    flights: {
      reschedule: (key: unknown) => void calls.push(['reschedule', key]),
      wakeWaiting: (key: unknown) => void calls.push(['wake', key]),
    } as never,
    scheduler: { isShared, set: (one: unknown, at: number) => void calls.push(['set', one === task, at]) } as never,
  });
}

test('a changed key is scheduled anew, and flights that wait for it are woken', () => {
  changes({}).changed(KEY);
  expect(calls).toEqual([
    ['reschedule', KEY],
    ['wake', KEY],
  ]);
});

describe('a key that another process has reported stale', () => {
  test.each<[string, Scene, unknown[]]>([
    ['is refreshed by a process with dues of its own', {}, [['replace', KEY, 'v']]],
    ['is left to others by a process that does not refresh', { refreshes: false }, []],
    ['is left alone without a task', { hasTask: false }, []],
    ['is left to the schedule of the fleet', { isShared: true }, []],
    [
      'is made due in a fleet by the process with its function',
      { isShared: true, hasFunction: true },
      [['set', true, NOW]],
    ],
  ])('a key that another process has reported stale %s', (_, scene, expected) => {
    changes(scene).reported(KEY, 'v');
    expect(calls).toEqual(expected);
  });
});
