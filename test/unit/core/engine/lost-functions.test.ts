import { beforeEach, describe, expect, test } from 'vitest';
import { LostFunctions } from '../../../../src/core/engine/lost-functions.js';
import type { ParamsFunction } from '../../../../src/core/model/registration.js';
import { documentId, type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import type { RegisteredTask, TaskEntry } from '../../../../src/core/registry/task-entry.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const KEY = tokenKey('wx1', 'user', 'a');
const OTHER = tokenKey('wx1', 'user', 'b');

let memory: MemoryStore;
let faulty: FaultyStore;
let storage: OpenedStorage;
let leases: (() => Promise<void>)[];
let lost: LostFunctions;
const params: ParamsFunction = async () => ({});

beforeEach(async () => {
  const clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  storage = openStorage(faulty, clock);
  leases = [];
  const { registry } = storage;
  lost = new LostFunctions({
    store: storage.store,
    registry,
    registrar: {
      exclusively: (_appid, work) =>
        new Promise<void>((resolve, reject) => {
          leases.push(() => work(undefined as never).then(resolve, reject));
        }),
    },
  });
  registry.setApp({ appid: 'wx1', secret: 'S', accessToken: undefined, enrolment: 'of-app', version: 1 });
  await putContent(memory, 'app/wx1', { enrolment: 'of-app' });
});

const marks = (task = 'of-task', app = 'of-app'): JsonObject => ({ enrolment: { app, task } });
const putRecord = (content: JsonObject, key: TokenKey = KEY) => putContent(memory, documentId('key', key), content);

function entry(fields: Partial<RegisteredTask> = {}, key: TokenKey = KEY): TaskEntry {
  const task = { key, params: undefined, notify: undefined, functionMissing: false, enrolment: 'of-task', version: 2 };
  return storage.registry.setTask({ ...task, ...fields }) ?? (storage.registry.task(key) as TaskEntry);
}

/** Has the registry drop a task with a function, and tells of it. */
function remove(given: RegisteredTask['params'] = params, key: TokenKey = KEY): void {
  const task = entry({ params: given }, key);
  storage.registry.removeTask(key);
  lost.removed(task);
}

/** Registers the task again, as another process does that lacks the function. */
function addAgain(functionMissing = true): RegisteredTask['params'] {
  lost.added(entry({ functionMissing }));
  return storage.registry.task(KEY)?.params;
}

async function judge(): Promise<void> {
  for (const lease of leases.splice(0)) await lease().catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a task that the store has lost', () => {
  beforeEach(() => putRecord(marks()));

  test('a lost task gets its function back when it is registered again, once', async () => {
    remove();
    await judge();
    expect(addAgain()).toBe(params);
    expect(storage.registry.task(KEY)).toMatchObject({ functionMissing: false, enrolment: 'of-task', version: 2 });
    storage.registry.removeTask(KEY);
    expect(addAgain()).toBeUndefined();
  });

  test('a lost task that is registered again with other params keeps those, and its function is forgotten', async () => {
    remove();
    await judge();
    expect(addAgain(false)).toBeUndefined();
    storage.registry.removeTask(KEY);
    expect(addAgain()).toBeUndefined();
  });

  test('a lost task that was registered again before this is known gets its function then', async () => {
    remove();
    expect(addAgain()).toBeUndefined();
    await judge();
    expect(storage.registry.task(KEY)?.params).toBe(params);
  });

  test('a lost task that was registered with other params before this is known keeps those', async () => {
    remove();
    entry({ params: { code: 'c' } });
    await judge();
    expect(storage.registry.task(KEY)?.params).toEqual({ code: 'c' });
  });

  test('tasks of an app that are missing together are judged together', async () => {
    await putRecord(marks(), OTHER);
    remove();
    remove(params, OTHER);
    expect(leases).toHaveLength(1);
    faulty.calls.length = 0;
    await judge();
    expect(faulty.calls).toEqual(['get']);
    expect(addAgain()).toBe(params);
    lost.added(entry({ functionMissing: true }, OTHER));
    expect(storage.registry.task(OTHER)?.params).toBe(params);
  });

  test('a task without a function is not judged', () => {
    remove({ code: 'c' });
    lost.removed(entry());
    expect(leases).toEqual([]);
  });

  test('a task about which the store does not answer counts as unregistered, and the next one is judged', async () => {
    faulty.before = () => Promise.reject(new Error('gone'));
    remove();
    await judge();
    expect(addAgain()).toBeUndefined();
    faulty.before = () => {};
    remove();
    await judge();
    expect(addAgain()).toBe(params);
  });
});

describe('a task that was unregistered', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['whose record was deleted with it', async () => {}],
    ['whose record belongs to another enrolment of the task', () => putRecord(marks('another'))],
    ['whose record belongs to another enrolment of the app', () => putRecord(marks('of-task', 'another'))],
    [
      'whose app was registered anew',
      async () => {
        await putRecord(marks());
        await putContent(memory, 'app/wx1', { enrolment: 'another' });
      },
    ],
    [
      'whose app is gone',
      async () => {
        await putRecord(marks());
        await memory.delete('app/wx1', (await memory.get(['app/wx1']))[0]?.version as number);
      },
    ],
  ])('a task %s does not get its function back', async (_, prepare) => {
    await prepare();
    remove();
    await judge();
    expect(addAgain()).toBeUndefined();
  });
});
