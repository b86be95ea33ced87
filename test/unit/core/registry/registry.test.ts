import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import { planRegistration } from '../../../../src/core/model/registration.js';
import { keyId } from '../../../../src/core/model/token-key.js';
import { canonicalJson, checksum } from '../../../../src/core/primitives/checksum.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { Registrar } from '../../../../src/core/registry/registrar.js';
import { appFrom, credentialsOf } from '../../../../src/core/registry/registration-document.js';
import { Registry } from '../../../../src/core/registry/registry.js';
import { NOTHING_IS_LOST } from '../../../../src/core/store/absence.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { DocumentReader } from '../../../../src/core/store/document-reader.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const APP = 'app/wx1';
const TASK = 'task/wx1/access_token';
const KEY = { appid: 'wx1', type: 'access_token' };

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let store: SupervisedStore;
let reader: DocumentReader;
let told: string[];
let registry: Registry;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  told = [];
  store = new SupervisedStore(faulty, clock, { unavailable() {}, available() {} });
  reader = new DocumentReader(store, () => told.push('quarantined'));
  registry = new Registry(store, reader);
  registry.listen({
    taskAdded: ({ key }) => told.push(`added ${keyId(key)}`),
    taskReplaced: ({ key }) => told.push(`replaced ${keyId(key)}`),
    taskRemoved: ({ key }) => told.push(`removed ${keyId(key)}`),
    appForgotten: (appid) => told.push(`forgot ${appid}`),
    enrolledAnew: (appid) => void told.push(`forgot ${appid}`),
    appReplaced: (appid) => told.push(`changed ${appid}`),
  });
});

async function put(id: string, data: JsonObject): Promise<number> {
  const [before] = await memory.get([id]);
  return (await memory.set(id, data, before?.version ?? 0)) as number;
}

const write = (id: string, content: JsonObject): Promise<number> => put(id, seal(id, content));

async function remove(id: string): Promise<void> {
  const [document] = await memory.get([id]);
  await memory.delete(id, document?.version as number);
}

function newer(id: string): JsonObject {
  const content = { format: 2 };
  return { ...content, checksum: checksum(`${id}\n${canonicalJson(content)}`) };
}

const taskIds = (): string[] => [...registry.tasks()].map(({ key }) => keyId(key));

describe('load', () => {
  test('load reads every app and task that the store remembers', async () => {
    const app = await write(APP, { secret: 'S', accessToken: 'plain' });
    const task = await write(TASK, { params: { a: 1 } });
    await write('app/__proto__', {});
    await write('task/__proto__/constructor/o%2F1', {});
    await registry.loadAll();
    expect(registry.app('wx1')).toEqual({ appid: 'wx1', secret: 'S', accessToken: 'plain', version: app });
    expect(registry.task(KEY)).toMatchObject({
      key: KEY,
      params: { a: 1 },
      notify: undefined,
      functionMissing: false,
      version: task,
    });
    expect(registry.task({ appid: '__proto__', type: 'constructor', subject: 'o/1' })).toBeDefined();
    expect(registry.app('constructor')).toBeUndefined();
    expect([...registry.tasksOf('unknown')]).toEqual([]);
    expect(told.sort()).toEqual([
      'added __proto__/constructor/o%2F1',
      'added wx1/access_token',
      'changed __proto__',
      'changed wx1',
    ]);
  });

  test('load notifies of nothing that is the same', async () => {
    await write(APP, { secret: 'S' });
    await write(TASK, {});
    await registry.loadAll();
    told.length = 0;
    await registry.loadAll();
    expect(told).toEqual([]);
  });

  test('load forgets removed apps and tasks', async () => {
    for (const id of [APP, TASK, 'task/wx1/b', 'app/wx2', 'task/wx2/b']) await write(id, {});
    await registry.loadAll();
    told.length = 0;
    for (const id of ['task/wx1/b', 'app/wx2', 'task/wx2/b']) await remove(id);
    await registry.loadAll();
    expect([taskIds(), registry.app('wx2'), told.sort()]).toEqual([
      ['wx1/access_token'],
      undefined,
      ['forgot wx2', 'removed wx1/b', 'removed wx2/b'],
    ]);
  });

  test('load keeps the newer version of an app that was registered while a page was read', async () => {
    await write(APP, { secret: 'old' });
    faulty.afterList = async (prefix) => {
      if (prefix !== 'app') return;
      await write(APP, { secret: 'new' });
      await registry.reload(APP);
    };
    await registry.loadAll();
    expect(registry.app('wx1')?.secret).toBe('new');
  });

  test('load adopts the newer version that a page shows of an app that was read before', async () => {
    await write(APP, { secret: 'old' });
    faulty.before = async (method, id) => {
      if (method !== 'list' || id !== 'app') return;
      await registry.reload(APP);
      await write(APP, { secret: 'new' });
    };
    await registry.loadAll();
    expect(registry.app('wx1')?.secret).toBe('new');
  });

  test('load does not bring back what was deleted while a page was read', async () => {
    for (const id of [APP, TASK]) await write(id, {});
    faulty.afterList = async (prefix) => {
      const id = prefix === 'app' ? APP : TASK;
      await remove(id);
      await registry.reload(id);
    };
    await registry.loadAll();
    expect([registry.app('wx1'), taskIds()]).toEqual([undefined, []]);
  });

  test('load finds a task that was registered again while a page was read', async () => {
    await write(APP, {});
    await write(TASK, { params: { a: 1 } });
    faulty.afterList = async (prefix) => {
      if (prefix !== 'task') return;
      await remove(TASK);
      await registry.reload(TASK);
      await write(TASK, { params: { a: 2 } });
    };
    await registry.loadAll();
    expect(registry.task(KEY)?.params).toEqual({ a: 2 });
  });

  test('load forgets a removed task also when its app is not known', async () => {
    await write(TASK, {});
    await registry.loadAll();
    await remove(TASK);
    await registry.loadAll();
    expect(taskIds()).toEqual([]);
  });

  test('load leaves a registration alone that is made meanwhile', async () => {
    const registrar = new Registrar({
      store: store,
      reader: reader,
      registry: registry,
      clock: clock,
      closing: new Closing(),
      isShared: false,
      hurryApp: () => {},
      newId: () => 'id',
    });
    const params = () => ({});
    const plan = planRegistration({ appid: 'wx1', tasks: [{ type: 'access_token', params }] }, () => {});
    faulty.before = (method, id) => (method === 'list' && id === 'task' ? registrar.register(plan) : undefined);
    await registry.loadAll();
    expect(registry.app('wx1')).toBeDefined();
    expect(registry.task(KEY)).toMatchObject({ params, notify: undefined, functionMissing: false });
  });

  test('load fails when the store does', async () => {
    faulty.before = () => {
      throw new Error('gone');
    };
    await expect(registry.loadAll()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('load fails when a damaged document cannot be moved aside', async () => {
    await put(TASK, { torn: true });
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await expect(registry.loadAll()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect((await memory.get([TASK]))[0]).toBeDefined();
  });

  test('load moves damaged documents aside and continues', async () => {
    await put(APP, { torn: true });
    await put(TASK, { torn: true });
    await write('app/wx2', {});
    await registry.loadAll();
    expect([registry.app('wx1'), registry.app('wx2')?.appid, taskIds(), told]).toEqual([
      undefined,
      'wx2',
      [],
      ['quarantined', 'changed wx2', 'quarantined'],
    ]);
  });
});

describe('an app of a newer release', () => {
  test('an app of a newer release is an error for itself until it is readable or gone, and blocks no others', async () => {
    await write('app/wx2', {});
    await put(APP, newer(APP));
    await registry.loadAll();
    expect(() => registry.app('wx1')).toThrow(/has format 2/);
    expect(registry.app('wx2')).toBeDefined();
    await write(APP, { secret: 'S' });
    await registry.reload(APP);
    expect(registry.app('wx1')?.secret).toBe('S');
    await put(APP, newer(APP));
    await registry.reload(APP);
    expect(() => registry.app('wx1')).toThrow(/has format 2/);
    await remove(APP);
    await registry.reload(APP);
    expect(registry.app('wx1')).toBeUndefined();
  });
});

describe('a store that accepts no writes', () => {
  beforeEach(async () => {
    await write('app/wx2', {});
    faulty.before = (method) => {
      if (method === 'set' || method === 'delete') throw new Error('full');
    };
    await expect(store.set('other', {}, 0)).rejects.toThrow("the store's ");
  });

  test('a store that accepts no writes is read in spite of an app and a task of a newer release', async () => {
    await put(APP, newer(APP));
    await put(TASK, newer(TASK));
    await registry.loadAll();
    expect(() => registry.app('wx1')).toThrow(/has format 2/);
    expect([registry.app('wx2') !== undefined, registry.task(KEY)]).toEqual([true, undefined]);
  });

  test('a damaged app that the store cannot move aside is an error until it can', async () => {
    await put(APP, { format: 1, checksum: 'x' });
    await expect(registry.loadApp('wx1')).rejects.toThrow("the store's ");
    faulty.before = () => {};
    await registry.loadApp('wx1');
    expect([registry.app('wx1'), told]).toEqual([undefined, ['quarantined']]);
  });
});

describe('reload', () => {
  test('reload adds, changes and forgets a task', async () => {
    await write(TASK, { params: { a: 1 } });
    await registry.reload(TASK);
    await write(TASK, { params: { a: 2 } });
    await registry.reload(TASK);
    expect(registry.task(KEY)?.params).toEqual({ a: 2 });
    await remove(TASK);
    await registry.reload(TASK);
    await registry.reload(TASK);
    expect(registry.task(KEY)).toBeUndefined();
    expect(told).toEqual(['added wx1/access_token', 'replaced wx1/access_token', 'removed wx1/access_token']);
  });

  test('reload of an app that is absent leaves its tasks to their own documents', async () => {
    for (const id of [APP, TASK, 'task/wx1/b', 'task/wx2/b']) await write(id, {});
    await registry.loadAll();
    for (const id of [APP, TASK]) await remove(id);
    await registry.reload(APP);
    expect([registry.app('wx1'), taskIds().length]).toEqual([undefined, 3]);
    await registry.reload(TASK);
    expect(taskIds().sort()).toEqual(['wx1/b', 'wx2/b']);
    await registry.loadAll();
    expect(taskIds().sort()).toEqual(['wx1/b', 'wx2/b']);
  });

  test('a reload that finds nothing removes nothing that was registered while it was under way', async () => {
    faulty.afterGet = async () => {
      faulty.afterGet = () => {};
      const appVersion = await write(APP, { secret: 'S' });
      const version = await write(TASK, {});
      registry.setApp({ appid: 'wx1', secret: 'S', accessToken: undefined, version: appVersion });
      registry.setTask({ key: KEY, params: undefined, notify: undefined, functionMissing: false, version });
    };
    await Promise.all([registry.reload(APP), registry.reload(TASK)]);
    expect([registry.app('wx1')?.secret, taskIds()]).toEqual(['S', ['wx1/access_token']]);
  });

  test('a reload that finds nothing reads again what was adopted from an older page, and forgets it', async () => {
    for (const id of [APP, TASK]) await write(id, {});
    let reading: Promise<void> | undefined;
    let hold: Promise<void> | undefined;
    let release = (): void => {};
    faulty.afterList = async (prefix) => {
      if (prefix !== 'task') return;
      await remove(TASK);
      hold = new Promise((resolve) => {
        release = resolve;
      });
      // The read has found nothing, but its answer comes after the page has been adopted.
      faulty.afterGet = () => hold;
      reading = registry.reload(TASK);
      await clock.advance(0);
    };
    await Promise.all([
      registry.loadAll(),
      (async () => {
        while (taskIds().length === 0) await clock.advance(0);
        release();
        await reading;
      })(),
    ]);
    expect(taskIds()).toEqual([]);
  });

  test('reload of a task of a newer release keeps the one that is known', async () => {
    await write(TASK, { params: { a: 1 } });
    await registry.reload(TASK);
    await put(TASK, newer(TASK));
    await registry.reload(TASK);
    expect(registry.task(KEY)?.params).toEqual({ a: 1 });
    expect(registry.app('wx1')).toBeUndefined();
  });

  test.each([APP, TASK])('reload of %s leaves alone what was registered while the store was read', async (id) => {
    await write(APP, { secret: 'old' });
    await write(TASK, { params: { a: 'old' } });
    await registry.loadAll();
    await remove(id);
    // The read finds nothing; the registration comes before that is answered.
    faulty.afterGet = async () => {
      faulty.afterGet = () => {};
      const appVersion = await write(APP, { secret: 'new' });
      const version = await write(TASK, { params: { a: 'new' } });
      registry.setApp({ appid: 'wx1', secret: 'new', accessToken: undefined, version: appVersion });
      registry.setTask({ key: KEY, params: { a: 'new' }, notify: undefined, functionMissing: false, version });
    };
    await registry.reload(id);
    expect([registry.app('wx1')?.secret, registry.task(KEY)?.params]).toEqual(['new', { a: 'new' }]);
  });

  test('an older registration never replaces a newer one, one of the same version does', () => {
    const app = { appid: 'wx1', secret: 'new', accessToken: undefined, version: 7 };
    const task = { key: KEY, params: { a: 'new' }, notify: undefined, functionMissing: false, version: 7 };
    registry.setApp(app);
    registry.setTask(task);
    told.length = 0;
    registry.setApp({ ...app, secret: 'old', version: 6 });
    registry.setTask({ ...task, params: { a: 'old' }, version: 6 });
    expect([registry.app('wx1')?.secret, registry.task(KEY)?.params, told]).toEqual(['new', { a: 'new' }, []]);
    registry.setApp({ ...app, secret: 'same' });
    registry.setTask({ ...task, params: { a: 'same' } });
    expect([registry.app('wx1')?.secret, registry.task(KEY)?.params, told]).toEqual(['same', { a: 'same' }, []]);
  });

  test('concurrent reloads share the read after the current one, and see what was written before them', async () => {
    await write(APP, { secret: 'first' });
    const first = registry.reload(APP);
    await write(APP, { secret: 'second' });
    await Promise.all([first, ...Array.from({ length: 20 }, () => registry.reload(APP))]);
    expect(registry.app('wx1')?.secret).toBe('second');
    expect(faulty.calls.filter((call) => call === 'get')).toHaveLength(2);
    await write(APP, { secret: 'third' });
    await registry.reload(APP);
    expect(registry.app('wx1')?.secret).toBe('third');
  });

  test('reload fails when the store does, and keeps what is known', async () => {
    await write(APP, { secret: 'S' });
    await registry.reload(APP);
    faulty.before = () => {
      throw new Error('gone');
    };
    await expect(registry.reload(APP)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(registry.app('wx1')?.secret).toBe('S');
  });
});

describe('a task whose params come from a function', () => {
  test('a task whose params come from a function says where it is missing, and keeps it where it is known', async () => {
    const version = await write(TASK, { paramsFunction: true });
    await registry.reload(TASK);
    expect(registry.task(KEY)).toMatchObject({ params: undefined, notify: undefined, functionMissing: true });
    const params = () => ({});
    registry.setTask({ key: KEY, params, notify: undefined, functionMissing: false, version });
    expect(told).toEqual(['added wx1/access_token', 'replaced wx1/access_token']);
    await write(TASK, { paramsFunction: true });
    await registry.reload(TASK);
    expect(registry.task(KEY)).toMatchObject({ params, notify: undefined, functionMissing: false });
    await write(TASK, { params: { a: 1 } });
    await registry.reload(TASK);
    await write(TASK, { paramsFunction: true });
    await registry.reload(TASK);
    expect(registry.task(KEY)).toMatchObject({ params: undefined, notify: undefined, functionMissing: true });
  });

  test.each([{ paramsFunction: 'true' }, { params: 1 }, { params: ['x'] }, { params: null }, { notify: 1 }])(
    'odd content of a task counts as none: %j',
    async (content) => {
      await write(TASK, content);
      await registry.reload(TASK);
      expect(registry.task(KEY)).toMatchObject({ params: undefined, notify: undefined, functionMissing: false });
    },
  );
});

test('a fingerprint changes with the app and with the task, and is that of the key', async () => {
  const seen = [registry.fingerprint(KEY)];
  const app = await write(APP, { secret: 'S' });
  await registry.reload(APP);
  seen.push(registry.fingerprint(KEY));
  const task = await write(TASK, {});
  await registry.reload(TASK);
  seen.push(registry.fingerprint(KEY));
  expect(seen).toEqual(['0:0', `${app}:0`, `${app}:${task}`]);
  expect(registry.fingerprint({ ...KEY, subject: 's' })).toBe(`${app}:0`);
});

test('removing an unknown task or app notifies no listener', () => {
  registry.removeTask(KEY);
  registry.removeApp('wx1');
  expect(told).toEqual([]);
});

test('an app whose document has become unreadable is still known as it was', async () => {
  const version = await write(APP, { secret: 'S' });
  await registry.reload(APP);
  await put(APP, newer(APP));
  await registry.reload(APP);
  expect(() => registry.app('wx1')).toThrow();
  expect([registry.known('wx1')?.secret, registry.versionOf(APP)]).toEqual(['S', version]);
});

test('the versions of apps and tasks are those of the documents that were read', async () => {
  const versions = [await write(APP, {}), await write(TASK, {})];
  expect([APP, TASK].map((id) => registry.versionOf(id))).toEqual([undefined, undefined]);
  await registry.loadAll();
  expect([APP, TASK].map((id) => registry.versionOf(id))).toEqual(versions);
});

test('an app that the store no longer shows was deleted, until it is registered again', async () => {
  await registry.reload(APP);
  expect(registry.wasDeleted('wx1')).toBe(false);
  await write(APP, {});
  await write(TASK, {});
  await registry.loadAll();
  await remove(TASK);
  await registry.reload(TASK);
  expect(registry.wasDeleted('wx1')).toBe(false);
  await remove(APP);
  await registry.reload(APP);
  expect(registry.wasDeleted('wx1')).toBe(true);
  await write(APP, {});
  await registry.reload(APP);
  expect(registry.wasDeleted('wx1')).toBe(false);
});

test('an app or a task is enrolled anew if its mark has changed, which is told after a look at the history', async () => {
  let looks = 0;
  const lookAtHistory = async (): Promise<number> => ++looks;
  store.judgeAbsencesBy({ ...NOTHING_IS_LOST, lookAtHistory });
  for (const mark of ['first', 'first', 'second']) {
    await write(APP, { enrolment: mark });
    await write(TASK, { enrolment: mark });
    await registry.reload(APP);
    await registry.reload(TASK);
  }
  expect([looks, told.filter((line) => line === 'forgot wx1')]).toEqual([2, ['forgot wx1', 'forgot wx1']]);
});

test('apps and tasks of a replaced store stay known, below every version of the new one', async () => {
  await write(APP, { secret: 'S' });
  await write(TASK, {});
  await registry.loadAll();
  registry.leaveOver();
  expect([registry.app('wx1')?.secret, taskIds()]).toEqual(['S', ['wx1/access_token']]);
  const versions = [APP, TASK].map((id) => registry.versionOf(id) as number);
  expect(versions.every((version) => version < 1)).toBe(true);
  registry.setApp({ appid: 'wx1', secret: 'of the new store', accessToken: undefined, version: 1 });
  expect(registry.app('wx1')?.secret).toBe('of the new store');
});

test('a registry that holds everything has a key cached if its app is', async () => {
  expect(registry.isCached(KEY)).toBe(false);
  await write(APP, {});
  await registry.loadAll();
  expect([registry.isCached(KEY), registry.isCached({ ...KEY, appid: 'wx2' })]).toEqual([true, false]);
});

test.each([
  [{ secret: 'S', accessToken: 'stable' }, 'S', 'stable'],
  [{ secret: 'S', accessToken: 'plain' }, 'S', 'plain'],
  [{ secret: 5, accessToken: 'fast' }, undefined, undefined],
  [{}, undefined, undefined],
])('an app document with %j is read as far as it is valid', (content, secret, accessToken) => {
  const app = appFrom('wx1', content, 7);
  expect(app).toEqual({ appid: 'wx1', secret, accessToken, version: 7 });
  expect(credentialsOf(app, 'plain')).toEqual({ appid: 'wx1', secret, accessToken: accessToken ?? 'plain' });
});

describe('a registry with bounded memory', () => {
  beforeEach(() => {
    registry = new Registry(store, reader, { maxHeld: 10 });
  });

  test('an app is read once, at its first lookup, and its tasks are not', async () => {
    await write(APP, { secret: 'S' });
    await write(TASK, {});
    await registry.loadApp('wx1');
    await registry.loadApp('wx1');
    expect([registry.app('wx1')?.secret, taskIds()]).toEqual(['S', []]);
    expect(faulty.calls.filter((call) => call === 'get')).toHaveLength(1);
  });

  test('an unknown app is looked up each time', async () => {
    await registry.loadApp('wx1');
    await write(APP, { secret: 'S' });
    await registry.loadApp('wx1');
    expect(registry.app('wx1')?.secret).toBe('S');
  });

  test('an app not looked up for long is forgotten, and one looked up often is not', async () => {
    for (let app = 0; app < 30; app++) {
      await write(`app/wx${app}`, { secret: `S${app}` });
      await write(`task/wx${app}/access_token`, {});
    }
    for (let app = 0; app < 30; app++) {
      await registry.load([{ appid: 'wx0', type: 'access_token' }]);
      await registry.load([{ appid: `wx${app}`, type: 'access_token' }]);
    }
    expect(taskIds()).toEqual(['wx0', 'wx26', 'wx27', 'wx28', 'wx29'].map((appid) => `${appid}/access_token`));
    expect(registry.app('wx0')?.secret).toBe('S0');
    expect(registry.hasApp('wx5')).toBe(false);
    faulty.calls.length = 0;
    await registry.load([{ appid: 'wx0', type: 'access_token' }]);
    expect(faulty.calls).toEqual([]);
  });

  test('the absence of a task is remembered; for an unknown app nothing is', async () => {
    await write(APP, {});
    await registry.load([KEY]);
    await registry.load([KEY]);
    expect(faulty.calls).toEqual(['get']);
    const unknown = { appid: 'unknown', type: 'access_token' };
    await registry.load([unknown]);
    await registry.load([unknown]);
    expect(faulty.calls).toEqual(['get', 'get', 'get']);
    expect([registry.isRelevant(TASK), registry.isRelevant('task/unknown/access_token')]).toEqual([true, false]);
  });

  test('a notification of an app that was looked up in vain concerns the process, for the last thousand of them', async () => {
    for (let app = 0; app <= 1_000; app++) await registry.loadApp(`wx${app}`);
    expect(['app/wx0', 'app/wx1', 'app/wx1000', 'app/other'].map((id) => registry.isRelevant(id))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test('knowledge of an app ends with it: a task registered under its name later is read', async () => {
    await write(APP, {});
    await registry.load([KEY]);
    registry.removeApp('wx1');
    await write(TASK, {});
    await registry.load([KEY]);
    expect([registry.hasApp('wx1'), taskIds()]).toEqual([true, ['wx1/access_token']]);
  });

  test('a key is cached once its app and its task, or the absence of that, are known', async () => {
    await write(APP, {});
    await registry.loadApp('wx1');
    expect(registry.isCached(KEY)).toBe(false);
    await registry.load([KEY]);
    expect(registry.isCached(KEY)).toBe(true);
    await registry.load([{ ...KEY, appid: 'unknown' }]);
    expect(registry.isCached({ ...KEY, appid: 'unknown' })).toBe(false);
  });

  test('a document is read together with what is not cached of its registration, in one round trip', async () => {
    await write(APP, { secret: 'S' });
    await write('key/wx1/access_token', { n: 1 });
    expect((await registry.loadWith('key/wx1/access_token', KEY))?.id).toBe('key/wx1/access_token');
    expect([faulty.calls, registry.app('wx1')?.secret, taskIds()]).toEqual([['get'], 'S', []]);
    // The absence of a task is doubted each time.
    await write(TASK, {});
    await registry.loadWith('key/wx1/access_token', KEY);
    expect([faulty.calls, taskIds()]).toEqual([['get', 'get'], ['wx1/access_token']]);
    expect(await registry.loadWith('key/wx1/other', KEY)).toBeUndefined();
    expect(faulty.calls).toHaveLength(3);
  });

  test('look-ups of the same app at the same time share one read, and fail together', async () => {
    await write(APP, { secret: 'S' });
    await Promise.all([registry.loadApp('wx1'), registry.load([KEY]), registry.loadApp('wx1')]);
    expect([registry.app('wx1')?.secret, faulty.calls]).toEqual(['S', ['get', 'get']]);
    faulty.before = () => Promise.reject(new Error('gone'));
    const looks = [registry.loadApp('wx2'), registry.loadApp('wx2')];
    for (const look of looks) await expect(look).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('a task that is looked up often is not forgotten, and one that is not is', async () => {
    for (const type of ['access_token', 'other']) await write(`task/wx1/${type}`, {});
    await write(APP, {});
    await registry.load([KEY, { ...KEY, type: 'other' }]);
    for (let app = 2; app < 30; app++) {
      await write(`app/wx${app}`, {});
      await registry.loadApp(`wx${app}`);
      registry.task(KEY);
    }
    expect(taskIds()).toEqual(['wx1/access_token']);
  });

  test('the absence of a task in a replaced store does not count in the new one', async () => {
    await write(APP, {});
    await registry.load([KEY]);
    registry.leaveOver();
    await write(TASK, {});
    await registry.load([KEY]);
    expect([taskIds(), registry.hasApp('wx1')]).toEqual([['wx1/access_token'], true]);
  });

  test('a task whose params are a function is never forgotten', async () => {
    registry.setTask({ key: KEY, params: () => ({}), notify: undefined, functionMissing: false, version: 1 });
    for (let app = 2; app < 30; app++) {
      await write(`app/wx${app}`, {});
      await registry.load([{ appid: `wx${app}`, type: 'access_token' }]);
    }
    expect(taskIds()).toContain('wx1/access_token');
  });

  test('load reads cached entries again, and nothing else', async () => {
    await write(APP, { secret: 'S' });
    await write(TASK, {});
    await write('app/wx2', {});
    await registry.load([KEY]);
    await write(APP, { secret: 'another' });
    await remove(TASK);
    await registry.loadAll();
    expect([registry.app('wx1')?.secret, taskIds(), registry.hasApp('wx2')]).toEqual(['another', [], false]);
    expect(faulty.calls).not.toContain('list');
  });
});
