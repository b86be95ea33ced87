import { beforeEach, describe, expect, test } from 'vitest';
import { type StatusParts, taskStatus } from '../../../../src/core/engine/status.js';
import type { StatusQuery, TaskStatus } from '../../../../src/core/engine/task-status.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { canonicalJson, checksum } from '../../../../src/core/primitives/checksum.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { BackgroundCoolDowns } from '../../../../src/core/records/background-cool-downs.js';
import { deliveredGrant, targetOf } from '../../../../src/core/store/delivery-document.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  world = holdRecords(faulty, clock);
});

/** The parts of a manager that refreshes by itself, without callbacks. */
function parts(): StatusParts {
  return {
    ...world,
    coolDowns: new BackgroundCoolDowns(clock),
    refresherOf: (type) => ({ type, refresh: () => Promise.reject() }),
    refreshes: true,
    callbacks: { attached: undefined },
  };
}

/** Registers the app as well: a task without one waits for that. */
async function putTask(id: string, content: JsonObject): Promise<number> {
  const app = `app/${id.split('/')[0]}`;
  if ((await memory.get([app]))[0] === undefined) await put(app, {});
  return put(`task/${id}`, content);
}

async function put(id: string, content: JsonObject): Promise<number> {
  return (await memory.set(id, seal(id, content), 0)) as number;
}

async function status(query: StatusQuery = {}, others: Partial<StatusParts> = {}): Promise<TaskStatus[]> {
  const all: TaskStatus[] = [];
  for await (const task of taskStatus(query, { ...parts(), ...others })) all.push(task);
  return all;
}

const ids = async (query: StatusQuery = {}): Promise<string[]> => (await status(query)).map(({ id }) => id);

async function many(count: number): Promise<string[]> {
  const all = Array.from({ length: count }, (_, index) => `wx1/t/${String(index).padStart(4, '0')}`);
  for (const id of all) await putTask(id, {});
  return all;
}

const calls = (method: string): number => faulty.calls.filter((call) => call === method).length;

describe('the state of a task', () => {
  test.each([
    ['fresh', 1, 2],
    ['due', 0, 1],
    ['due', -1, 1],
    ['expired', -2, 0],
    ['expired', -2, -1],
  ])('the state of a task is %s when it is due in %i ms and ends in %i ms', async (state, dueIn, endsIn) => {
    const now = clock.now();
    const grant = { value: 'CANARY', obtainedAt: now - 5, expiresAt: now + endsIn, dueAt: now + dueIn };
    await putTask('wx1/t/o%2F1', { params: { refresh_token: 'CANARY' } });
    await put('key/wx1/t/o%2F1', { grant, recordVersion: 7 });
    const tasks = await status();
    expect(tasks).toEqual([
      {
        id: 'wx1/t/o%2F1',
        appid: 'wx1',
        type: 't',
        subject: 'o/1',
        state,
        obtainedAt: now - 5,
        expiresAt: now + endsIn,
        dueAt: now + dueIn,
        version: 7,
        lastError: undefined,
        refreshTokenExpiresAt: undefined,
        functionMissing: false,
      },
    ]);
    expect(JSON.stringify(tasks)).not.toContain('CANARY');
  });

  test('the state of a task without a grant is missing', async () => {
    await putTask('wx1/t', {});
    expect(await status()).toEqual([
      {
        id: 'wx1/t',
        appid: 'wx1',
        type: 't',
        subject: undefined,
        state: 'missing',
        obtainedAt: undefined,
        expiresAt: undefined,
        dueAt: undefined,
        version: undefined,
        lastError: undefined,
        refreshTokenExpiresAt: undefined,
        functionMissing: false,
      },
    ]);
  });

  test('the status of a task says that a function is missing', async () => {
    const version = await putTask('wx1/t', { paramsFunction: true });
    expect((await status())[0]?.functionMissing).toBe(true);
    const task = { key: { appid: 'wx1', type: 't' }, notify: undefined, functionMissing: false, version };
    world.registry.setTask({ ...task, params: () => ({}) });
    expect((await status())[0]?.functionMissing).toBe(false);
  });

  test('the status of a task includes its delivery, whether or not this process holds the task', async () => {
    await putTask('wx1/t', { notify: 'http://127.0.0.1/CANARY' });
    const [task] = await status();
    expect(task?.delivery).toMatchObject({ state: 'waiting', attempts: 0 });
    expect([...world.registry.tasks()]).toEqual([]);
  });
});

describe('the deliveries of tasks', () => {
  test('each task has its own delivery beside tasks without a target', async () => {
    const now = clock.now();
    const notify = 'http://127.0.0.1/a';
    for (const id of ['wx1/a', 'wx1/b', 'wx1/c']) await putTask(id, id === 'wx1/a' ? {} : { notify });
    for (const [id, at] of [
      ['wx1/b', 1],
      ['wx1/c', 2],
    ] as const) {
      const grant = { value: id, obtainedAt: now, expiresAt: now + 2, dueAt: now + 1 };
      await put(`key/${id}`, { grant, recordVersion: 7 });
      const delivered = deliveredGrant(grant, { recordVersion: 7, at, target: targetOf(notify) });
      await put(`delivery/${id}`, { delivered: { ...delivered } });
    }
    expect((await status()).map(({ delivery }) => delivery?.deliveredAt)).toEqual([undefined, 1, 2]);
  });

  test('no delivery is read of a task without a target', async () => {
    await putTask('wx1/a', {});
    await putTask('wx1/b', { notify: 'http://127.0.0.1/b' });
    const asked: string[] = [];
    const get = memory.get.bind(memory);
    memory.get = (ids) => {
      asked.push(...ids);
      return get(ids);
    };
    await status();
    expect(asked.filter((id) => id.startsWith('delivery/'))).toEqual(['delivery/wx1/b']);
  });
});

describe('what a task waits for', () => {
  const lack = new TokenError('INVALID_INPUT', 'the refresher lacks a code');

  test.each([
    ['can ask no URLs waits for one that can', undefined, 'process'],
    ['can ask URLs waits for the answer', { ask: () => {} }, 'params'],
  ])('a task whose params come from a URL in a process that %s', async (_, attached, waitingFor) => {
    const refresherOf = (type: string) => ({ type, refresh: () => Promise.reject(), needsParams: () => true });
    await putTask('wx1/t', { params: 'http://127.0.0.1/params' });
    const [task] = await status({}, { refresherOf, callbacks: { attached } as never });
    expect(task).toMatchObject({ state: 'waiting', waitingFor });
  });

  test('a task waits for what its last attempt lacked, and no longer where it has failed since', async () => {
    await putTask('wx1/t', {});
    const coolDowns = { lackOf: () => lack } as never;
    expect((await status({}, { coolDowns }))[0]).toMatchObject({ state: 'waiting', reason: lack.message });
    const error = { code: 'UPSTREAM_REJECTED', message: 'no', retryable: false };
    const trying = { attempts: 3, failedAt: 5, retryAt: 9, registration: '0:0', backingOff: false, error };
    await put('key/wx1/t', { trying });
    expect((await status({}, { coolDowns }))[0]).toMatchObject({ state: 'missing', reason: undefined });
  });

  test('a task whose document cannot be read waits for one that can, whatever else it lacks', async () => {
    await memory.set('task/wx1/t', { format: 2, checksum: 'x' }, 0);
    const [task] = await status();
    expect(task).toMatchObject({ state: 'waiting', functionMissing: false });
    expect(task?.reason).toContain('format 2');
  });
});

describe('the last error of a task', () => {
  const error = { code: 'UPSTREAM_REJECTED', message: 'no', retryable: false };
  const trying = { attempts: 3, failedAt: 5, retryAt: 9, registration: '0:0', backingOff: false };
  const facts = { errcode: 40_164, errmsg: 'not in whitelist', rid: 'r', ip: '1.2.3.4' };

  test('the last error is that of the store', async () => {
    await putTask('wx1/t', {});
    await put('key/wx1/t', { trying: { ...trying, error: { ...error, ...facts, other: 'x' } } });
    expect((await status())[0]).toMatchObject({ state: 'missing' });
    expect((await status())[0]?.lastError).toEqual({
      code: 'UPSTREAM_REJECTED',
      message: 'no',
      ...facts,
      attempts: 3,
      at: 5,
      retryAt: 9,
    });
  });

  test('the last error is that of this host alone where the store has none', async () => {
    await putTask('wx1/t', {});
    const key = { appid: 'wx1', type: 't' };
    const local = { ...trying, attempts: 1, error: { ...error, ...facts } };
    world.records.cache.setFailure(key, { trying: local, local: true, version: 0 });
    expect((await status())[0]?.lastError).toMatchObject({ attempts: 1, ip: '1.2.3.4' });
    await put('key/wx1/t', { trying: { ...trying, error } });
    expect((await status())[0]?.lastError).toMatchObject({ attempts: 3, ip: undefined });
  });

  test('the last error is not a cached one of the fleet', async () => {
    await putTask('wx1/t', {});
    world.records.cache.setFailure(
      { appid: 'wx1', type: 't' },
      { trying: { ...trying, error }, local: false, version: 1 },
    );
    expect((await status())[0]?.lastError).toBeUndefined();
  });
});

describe('queries of the status', () => {
  beforeEach(async () => {
    for (const id of ['wx1/a', 'wx1/a/s', 'wx1/a/s%2F1', 'wx1/b', 'wx12/a']) await putTask(id, {});
  });

  test.each<[StatusQuery, string[]]>([
    [{}, ['wx1/a', 'wx1/a/s', 'wx1/a/s%2F1', 'wx1/b', 'wx12/a']],
    [{ appid: 'wx1' }, ['wx1/a', 'wx1/a/s', 'wx1/a/s%2F1', 'wx1/b']],
    [{ appid: 'wx1', type: 'a' }, ['wx1/a', 'wx1/a/s', 'wx1/a/s%2F1']],
    [{ appid: 'wx1', type: 'a', subject: 's' }, ['wx1/a/s']],
    [{ appid: 'wx1', type: 'a', subject: 's/1' }, ['wx1/a/s%2F1']],
    [{ appid: 'unknown' }, []],
    [{ after: 'wx1/a/s' }, ['wx1/a/s%2F1', 'wx1/b', 'wx12/a']],
    [{ after: 'wx1/a/s0', appid: 'wx1' }, ['wx1/b']],
    [{ limit: 2 }, ['wx1/a', 'wx1/a/s']],
    [{ limit: 1, after: 'wx1/b' }, ['wx12/a']],
    [{ limit: 9 }, ['wx1/a', 'wx1/a/s', 'wx1/a/s%2F1', 'wx1/b', 'wx12/a']],
  ])('a query of %j finds its tasks', async (query, expected) => {
    expect((await ids(query)).sort()).toEqual(expected);
  });
});

describe('pages of the status', () => {
  test.each([
    [99, 1, 2],
    [100, 2, 2],
    [101, 2, 4],
    [250, 3, 6],
  ])(
    'a list of %i tasks without a token takes %i listings and %i reads, each task once',
    async (count, lists, reads) => {
      const all = await many(count);
      expect(await ids()).toEqual(all);
      expect([calls('list'), calls('get')]).toEqual([lists, reads]);
    },
  );

  test.each([
    [1, 1],
    [100, 1],
    [101, 2],
    [150, 2],
  ])('a query with limit %i reads its tasks in %i pages', async (limit, lists) => {
    const all = await many(250);
    expect(await ids({ limit })).toEqual(all.slice(0, limit));
    expect(calls('list')).toBe(lists);
  });

  test('pages are read no further once the caller stops', async () => {
    await many(250);
    for await (const _ of taskStatus({}, parts())) break;
    expect(calls('list')).toBe(1);
  });

  test('a store that fails makes the query reject', async () => {
    faulty.before = () => Promise.reject(new Error('gone'));
    await expect(ids()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

test('a task that cannot be read is listed with the error, and hides no other', async () => {
  await putTask('wx1/a', {});
  await memory.set('task/wx1/b', { format: 2, checksum: 'x' }, 0);
  await putTask('wx1/c', {});
  expect(await ids()).toEqual(['wx1/a', 'wx1/b', 'wx1/c']);
  const [, unreadable] = await status();
  expect(unreadable?.lastError).toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('format 2'),
  });
});

test('documents that cannot be read hide no task while the store accepts no writes', async () => {
  const now = clock.now();
  const newer = { format: 2, checksum: 'x' };
  await putTask('wx1/a', { notify: 'http://127.0.0.1/a' });
  await put('key/wx1/a', { grant: { value: 'A', obtainedAt: now, expiresAt: now + 2, dueAt: now + 1 } });
  await memory.set('delivery/wx1/a', newer, 0);
  await putTask('wx1/b', {});
  await memory.set('key/wx1/b', newer, 0);
  await putTask('wx1/c', {});
  await memory.set('key/wx1/d', newer, 0);
  await putTask('wx1/e', {});
  await memory.set('key/wx1/e', { format: 1, checksum: 'x' }, 0);
  faulty.before = (method) => {
    if (method === 'set' || method === 'delete') throw new Error('full');
  };
  await expect(world.store.set('other', {}, 0)).rejects.toThrow("the store's ");
  expect(
    (await status()).map(({ id, lastError, delivery }) => [id, (lastError ?? delivery?.lastError) !== undefined]),
  ).toEqual([
    ['wx1/a', true],
    ['wx1/b', true],
    ['wx1/c', false],
    ['wx1/e', true],
  ]);
});

test('a damaged task is moved aside, and not listed any more', async () => {
  await putTask('wx1/a', {});
  await memory.set('task/wx1/b', { format: 1, checksum: 'x' }, 0);
  expect(await ids()).toEqual(['wx1/a']);
  expect((await memory.get(['task/wx1/b']))[0]).toBeUndefined();
});

test('documents that name no task do not end the list', async () => {
  await put('task/odd', {});
  const all = await many(150);
  expect((await ids()).sort()).toEqual(all);
});

test('a document that names no task is skipped', async () => {
  await put('task/odd', {});
  await putTask('wx1/a', {});
  expect(await ids()).toEqual(['wx1/a']);
});

// One document of a newer release is "an error for that key", but ends the whole listing.
test('a key that cannot be read hides no other task', async () => {
  for (const id of ['wx1/a', 'wx1/b', 'wx1/c']) await putTask(id, {});
  const newer = { format: 2 };
  const data = { ...newer, checksum: checksum(`key/wx1/b\n${canonicalJson(newer)}`) };
  await memory.set('key/wx1/b', data, 0);
  expect(await ids()).toEqual(['wx1/a', 'wx1/b', 'wx1/c']);
});
