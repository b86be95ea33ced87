import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import { newMark } from '../../../../src/core/model/enrolment.js';
import { planRegistration } from '../../../../src/core/model/registration.js';
import { keyId } from '../../../../src/core/model/token-key.js';
import { canonicalJson, checksum } from '../../../../src/core/primitives/checksum.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { Registrar } from '../../../../src/core/registry/registrar.js';
import { Registry } from '../../../../src/core/registry/registry.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { DocumentReader } from '../../../../src/core/store/document-reader.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const APP = 'app/wx1';
const TASK = 'task/wx1/access_token';
const newId = (): string => 'an-id';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let told: string[];
let registry: Registry;
let registrar: Registrar;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  told = [];
  const store = new SupervisedStore(faulty, clock, { unavailable() {}, available() {} });
  const reader = new DocumentReader(store, () => told.push('quarantined'));
  registry = new Registry(store, reader);
  registry.listen({
    taskAdded: ({ key }) => told.push(`added ${keyId(key)}`),
    taskReplaced: ({ key }) => told.push(`replaced ${keyId(key)}`),
    taskRemoved: ({ key }) => told.push(`removed ${keyId(key)}`),
    appForgotten: (appid) => told.push(`forgot ${appid}`),
    enrolledAnew: (appid) => void told.push(`forgot ${appid}`),
    appReplaced: (appid) => told.push(`changed ${appid}`),
  });
  registrar = new Registrar({
    store: store,
    reader: reader,
    registry: registry,
    clock: clock,
    closing: new Closing(),
    isShared: false,
    hurryApp: () => {},
    newId,
  });
});

function register(input: unknown): Promise<void> {
  return registrar.register(planRegistration(input, () => {}));
}

/** Returns what is stored, without the marks of apps and tasks, which are random. */
async function contents(): Promise<Record<string, JsonObject>> {
  const all: Record<string, JsonObject> = {};
  for (const kind of ['app', 'task', 'key']) {
    for await (const document of memory.list(kind)) {
      const { enrolment: _enrolment, ...content } = unseal(document);
      all[document.id] = content;
    }
  }
  return all;
}

async function versions(...ids: string[]): Promise<(number | undefined)[]> {
  return (await memory.get(ids)).map((document) => document?.version);
}

/** Fails the n-th of these commands, once. */
function failAt(n: number, method = 'set'): void {
  let count = 0;
  faulty.before = (called) => {
    if (called === method && ++count === n) throw new Error('full');
  };
}

const writes = (): number => faulty.calls.filter((call) => call === 'set').length;

const FULL = {
  appid: 'wx1',
  secret: 'S1',
  accessToken: 'plain',
  tasks: ['access_token', { type: 'oauth', subject: 'o/1', params: { refresh_token: 'R1' } }, 'jsapi_ticket'],
};

describe('register', () => {
  test('register stores the app and its tasks, the app last, and knows them', async () => {
    const order: (string | undefined)[] = [];
    faulty.before = (method, id) => {
      if (method === 'set') order.push(id);
    };
    await register(FULL);
    expect(await contents()).toEqual({
      [APP]: { secret: 'S1', accessToken: 'plain' },
      [TASK]: {},
      'task/wx1/oauth/o%2F1': { params: { refresh_token: 'R1' } },
      'task/wx1/jsapi_ticket': {},
    });
    expect(order.at(-1)).toBe(APP);
    expect(order).toHaveLength(4);
    const [version] = await versions(APP);
    expect(registry.app('wx1')).toMatchObject({ appid: 'wx1', secret: 'S1', accessToken: 'plain', version });
    expect([...registry.tasksOf('wx1')].map(({ key, params }) => [keyId(key), params])).toEqual([
      ['wx1/access_token', undefined],
      ['wx1/jsapi_ticket', undefined],
      ['wx1/oauth/o%2F1', { refresh_token: 'R1' }],
    ]);
    expect(told).toEqual(['changed wx1', 'added wx1/access_token', 'added wx1/oauth/o%2F1', 'added wx1/jsapi_ticket']);
  });

  test('register writes nothing and notifies no listener if the stored registration is the same', async () => {
    await register(FULL);
    const [before, count] = [registry.fingerprint({ appid: 'wx1', type: 'access_token' }), writes()];
    told.length = 0;
    await register(FULL);
    await register({ appid: 'wx1' });
    await register({
      appid: 'wx1',
      secret: 'S1',
      tasks: [{ type: 'oauth', subject: 'o/1', params: { refresh_token: 'R1' } }],
    });
    expect([writes(), told]).toEqual([count, []]);
    expect(registry.fingerprint({ appid: 'wx1', type: 'access_token' })).toBe(before);
    expect(registry.app('wx1')?.secret).toBe('S1');
  });

  test('a changed secret writes the app alone', async () => {
    await register(FULL);
    told.length = 0;
    const count = writes();
    await register({ ...FULL, secret: 'S2' });
    expect([writes() - count, told]).toEqual([1, ['changed wx1']]);
    expect(registry.app('wx1')).toMatchObject({
      secret: 'S2',
      accessToken: 'plain',
      version: (await versions(APP))[0],
    });
  });

  test('changed params write the task alone', async () => {
    await register(FULL);
    told.length = 0;
    const count = writes();
    await register({ appid: 'wx1', tasks: [{ type: 'oauth', subject: 'o/1', params: { refresh_token: 'R2' } }] });
    expect([writes() - count, told]).toEqual([1, ['replaced wx1/oauth/o%2F1']]);
    expect((await contents())['task/wx1/oauth/o%2F1']).toEqual({ params: { refresh_token: 'R2' } });
  });

  test('absent fields and other tasks keep what is stored', async () => {
    await register(FULL);
    await register({ appid: 'wx1', accessToken: 'stable', tasks: ['wx_card_ticket'] });
    expect((await contents())[APP]).toEqual({ secret: 'S1', accessToken: 'stable' });
    expect([...registry.tasksOf('wx1')]).toHaveLength(4);
  });

  test('the settings of pushes are stored with the app, stay with a registration that does not name them, and can be removed', async () => {
    const push = { token: 'T1', encodingAesKey: 'k'.repeat(43) };
    const stored = { token: 'T1', keys: ['k'.repeat(43)], mode: 'encrypted' };
    await register({ ...FULL, push });
    await register(FULL);
    expect((await contents())[APP]).toEqual({ secret: 'S1', accessToken: 'plain', push: stored });
    expect(registry.app('wx1')?.push).toEqual(stored);
    await register({ appid: 'wx1', push: null });
    expect((await contents())[APP]).toEqual({ secret: 'S1', accessToken: 'plain' });
    expect(registry.app('wx1')?.push).toBeUndefined();
  });

  test('settings of pushes that lack a key are rejected before anything is written', async () => {
    const registering = register({ ...FULL, push: { token: 'T1', mode: 'encrypted' } });
    await expect(registering).rejects.toThrow("push.encodingAesKey is required if push.mode is 'encrypted'");
    expect(await contents()).toEqual({});
  });

  test('a third-party platform is registered for pushes only with a key, in the registration or in the store', async () => {
    const withoutKey = { appid: 'wx1', push: { token: 'T1' }, tasks: ['component_access_token'] } as const;
    await expect(register(withoutKey)).rejects.toThrow(
      'push.encodingAesKey is required for a third-party platform, to which a task of type component_access_token belongs',
    );
    expect(await contents()).toEqual({});
    await register({ appid: 'wx1', push: { token: 'T0', encodingAesKey: 'k'.repeat(43) } });
    await register(withoutKey);
    expect(registry.app('wx1')?.push).toEqual({ token: 'T1', keys: ['k'.repeat(43)], mode: 'encrypted' });
  });

  test('a task without params loses those it had', async () => {
    await register({ appid: 'wx1', tasks: [{ type: 'access_token', params: { a: 1 } }] });
    await register({ appid: 'wx1', tasks: ['access_token'] });
    expect((await contents())[TASK]).toEqual({});
    expect(registry.task({ appid: 'wx1', type: 'access_token' })?.params).toBeUndefined();
  });

  test('a params function is held locally and stored as a mark; an object replaces it', async () => {
    const params = () => ({});
    await register({ appid: 'wx1', tasks: [{ type: 'access_token', params }] });
    expect((await contents())[TASK]).toEqual({ paramsFunction: true });
    expect(registry.task({ appid: 'wx1', type: 'access_token' })).toMatchObject({ params, functionMissing: false });
    const count = writes();
    const other = () => ({});
    await register({ appid: 'wx1', tasks: [{ type: 'access_token', params: other }] });
    expect(writes()).toBe(count);
    expect(registry.task({ appid: 'wx1', type: 'access_token' })?.params).toBe(other);
    await register({ appid: 'wx1', tasks: [{ type: 'access_token', params: { a: 1 } }] });
    expect((await contents())[TASK]).toEqual({ params: { a: 1 } });
  });

  test('fields of another release and the stored due survive a rewrite', async () => {
    await putContent(memory, APP, { secret: 'S0', label: 'x' });
    await putContent(memory, TASK, { params: { a: 1 }, colour: 'red' }, { due: { lane: 'deliver', at: 7 } });
    await register({ appid: 'wx1', secret: 'S1', tasks: [{ type: 'access_token', params: { a: 2 } }] });
    expect(await contents()).toEqual({
      [APP]: { secret: 'S1', label: 'x' },
      [TASK]: { params: { a: 2 }, colour: 'red' },
    });
    const [app, task] = await memory.get([APP, TASK]);
    expect([app?.due, task?.due]).toEqual([undefined, { lane: 'deliver', at: 7 }]);
  });

  test('a task that is registered twice is stored once, as the last one says', async () => {
    await register({ appid: 'wx1', tasks: ['access_token', { type: 'access_token', params: { a: 1 } }] });
    expect(await contents()).toEqual({ [APP]: {}, [TASK]: { params: { a: 1 } } });
  });

  test.each(['__proto__', 'constructor', 'toString'])('%s is a name like any other', async (name) => {
    await register({ appid: name, secret: 'S1', tasks: [name, { type: 'access_token', subject: name }] });
    expect(registry.app(name)?.secret).toBe('S1');
    expect(registry.task({ appid: name, type: name })).toBeDefined();
    expect(registry.task({ appid: name, type: 'access_token', subject: name })).toBeDefined();
    expect(registry.app('hasOwnProperty')).toBeUndefined();
    await registrar.unregisterApp(name);
    expect([registry.app(name), await versions(`app/${name}`, `task/${name}/${name}`)]).toEqual([
      undefined,
      [undefined, undefined],
    ]);
  });
});

describe('register undoing its writes', () => {
  test.each([1, 2, 3, 4])('register undoes everything when write %i of a new app fails', async (n) => {
    failAt(n);
    await expect(register(FULL)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await contents()).toEqual({});
    expect([registry.app('wx1'), [...registry.tasks()], told]).toEqual([undefined, [], []]);
    await register(FULL);
    expect(Object.keys(await contents())).toHaveLength(4);
  });

  test.each([1, 2, 3, 4])('register undoes everything when write %i of a changed app fails', async (n) => {
    const due = { lane: 'deliver', at: 7 };
    await register(FULL);
    await putContent(memory, TASK, { params: { old: true }, label: 'kept' }, { due });
    await registry.reload(TASK);
    const [before, app] = [await contents(), registry.app('wx1')];
    told.length = 0;
    failAt(n);
    const changed = ['access_token', { type: 'oauth', subject: 'o/1', params: { refresh_token: 'R2' } }, 'new_one'];
    await expect(register({ appid: 'wx1', secret: 'S2', tasks: changed })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(await contents()).toEqual(before);
    expect((await memory.get([TASK]))[0]?.due).toEqual(due);
    expect([registry.app('wx1'), told]).toEqual([app, []]);
    await register({ appid: 'wx1', secret: 'S2', tasks: changed });
    expect((await contents())[APP]).toMatchObject({ secret: 'S2' });
  });

  test.each([1, 2, 3, 4])(
    'register undoes everything when write %i of a changed app takes effect but is not answered',
    async (n) => {
      const tasks = [{ type: 'access_token' }, { type: 'jsapi_ticket' }];
      await register({ appid: 'wx1', secret: 'before', tasks });
      const before = await contents();
      let sets = 0;
      faulty.afterSet = () => {
        if (++sets === n) throw new Error('connection lost');
      };
      const changed = [...tasks.map((task) => ({ ...task, params: { changed: true } })), { type: 'component_ticket' }];
      await expect(register({ appid: 'wx1', secret: 'after', tasks: changed })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      expect(await contents()).toEqual(before);
    },
  );

  test('register undoes everything also where the store refuses to delete at first', async () => {
    let refusals = 5;
    faulty.before = (method, id) => {
      if (method === 'set' && id === APP) throw new Error('no');
      if (method === 'delete' && refusals-- > 0) throw new Error('not yet');
    };
    await expect(register(FULL)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await contents()).toEqual({});
  });

  test('register leaves what another process has made of a write that was not answered', async () => {
    faulty.afterSet = async (id) => {
      if (id !== TASK) return;
      await putContent(memory, TASK, { params: { theirs: true } });
      throw new Error('connection lost');
    };
    await expect(register({ appid: 'wx1', secret: 's', tasks: ['access_token'] })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(await contents()).toEqual({ [TASK]: { params: { theirs: true } } });
  });

  test('register fails with the error of the write when undoing fails as well', async () => {
    faulty.before = (method, id) => {
      if (method === 'set' && id === APP) throw Object.assign(new Error('no'), { code: 'EAPP' });
      if (method === 'delete') throw new Error('no');
    };
    await expect(register(FULL)).rejects.toThrow("the store's set failed: Error EAPP");
    expect(registry.app('wx1')).toBeUndefined();
  });

  test('a registration that fails does not block the next', async () => {
    failAt(1);
    const [first, second] = [register(FULL), register({ appid: 'wx2', secret: 'S' })];
    await expect(first).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await second;
    expect(Object.keys(await contents())).toEqual(['app/wx2']);
  });
});

describe('Registrar: concurrent writers', () => {
  test('registrations of one manager follow one another', async () => {
    const all = Promise.all([
      register({ appid: 'wx1', secret: 'S1', tasks: ['a'] }),
      register({ appid: 'wx1', accessToken: 'plain', tasks: ['b'] }),
      register({ appid: 'wx1', secret: 'S2', tasks: ['c'] }),
    ]);
    await clock.advance(1_000);
    await all;
    expect((await contents())[APP]).toEqual({ secret: 'S2', accessToken: 'plain' });
    expect(Object.keys(await contents())).toHaveLength(4);
  });

  test('the lease of the app is held during a registration and released, whatever happens', async () => {
    const seen: unknown[] = [];
    faulty.before = async (method) => {
      if (method !== 'set') return;
      seen.push(await memory.lease(APP, 1));
      throw new Error('full');
    };
    await expect(register({ appid: 'wx1', secret: 'S1' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(seen).toEqual([undefined]);
    expect(await memory.lease(APP, 1)).toBeDefined();
  });

  test('a registration waits while another process holds the lease of the app', async () => {
    const rival = await memory.lease(APP, 60_000);
    let done = false;
    const registering = register({ appid: 'wx1', secret: 'S1' }).then(() => {
      done = true;
    });
    await clock.advance(1_000);
    expect([done, writes()]).toEqual([false, 0]);
    await rival?.release();
    await clock.advance(100);
    await registering;
    expect([done, clock.pendingTimers]).toEqual([true, 0]);
  });

  test('a registration waits for a lease of the app no longer than a lease lasts', async () => {
    // Longer than a lease of this package lasts, and shorter than one that a wrong clock has left.
    await memory.lease(APP, 30_000);
    let error: unknown;
    register({ appid: 'wx1', secret: 'S1' }).catch((reason: unknown) => {
      error = reason;
    });
    await clock.advance(21_900);
    expect(error).toBeUndefined();
    await clock.advance(200);
    const message = 'other processes kept changing the registration of wx1: try again later';
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', appid: 'wx1', retryable: true, message });
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([APP, TASK])(
    'a registration keeps what another process wrote to %s first, and is written too',
    async (rivalId) => {
      await putContent(memory, APP, { secret: 'S0' });
      let rounds = 0;
      faulty.before = async (method, id) => {
        if (method === 'set' && id === rivalId && ++rounds === 1) await putContent(memory, rivalId, { rival: true });
      };
      await register({ appid: 'wx1', secret: 'S1', tasks: [{ type: 'access_token', params: { a: 1 } }] });
      const stored = await contents();
      expect(stored[rivalId]).toMatchObject({ rival: true });
      expect([stored[APP]?.['secret'], stored[TASK]?.['params']]).toEqual(['S1', { a: 1 }]);
      expect(registry.app('wx1')?.version).toBe((await versions(APP))[0]);
      expect(registry.task({ appid: 'wx1', type: 'access_token' })?.version).toBe((await versions(TASK))[0]);
    },
  );

  test('a registration fails after ten rounds of conflicts, with every write undone', async () => {
    let serial = 0;
    faulty.before = async (method, id) => {
      if (method === 'set' && id === APP) await putContent(memory, APP, { secret: `rival ${++serial}` });
    };
    await expect(register({ appid: 'wx1', secret: 'S1', tasks: ['access_token'] })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      appid: 'wx1',
      retryable: true,
      message: 'other processes kept changing the registration of wx1: try again later',
    });
    expect(await contents()).toEqual({ [APP]: { secret: 'rival 10' } });
    expect(registry.task({ appid: 'wx1', type: 'access_token' })).toBeUndefined();
  });
});

describe('unreadable documents of a registration', () => {
  test.each([APP, TASK])('%s of a newer release is an error, stays, and nothing else is written', async (id) => {
    const newer = { secret: 'newer', format: 2 };
    const data = { ...newer, checksum: checksum(`${id}\n${canonicalJson(newer)}`) };
    await memory.set(id, data, 0);
    await expect(register({ appid: 'wx1', secret: 'S1', tasks: ['access_token'] })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: false,
    });
    expect((await memory.get([id]))[0]?.data).toEqual(data);
    expect([writes(), registry.app('wx1'), told]).toEqual([0, undefined, []]);
  });

  test('a damaged app document is moved aside and written anew', async () => {
    await memory.set(APP, { secret: 'torn' }, 0);
    await register({ appid: 'wx1', secret: 'S1' });
    expect([told[0], await contents()]).toEqual(['quarantined', { [APP]: { secret: 'S1' } }]);
  });
});

describe('unregister', () => {
  beforeEach(async () => {
    await register(FULL);
    await register({ appid: 'wx12', secret: 'S', tasks: ['access_token'] });
    await putContent(memory, 'key/wx1/access_token', {});
    await putContent(memory, 'key/wx1/oauth/o%2F1', {});
    await putContent(memory, 'key/wx12/access_token', {});
    told.length = 0;
  });

  test('unregistering an app deletes its tasks, the app, then its records, and nothing of others', async () => {
    const order: (string | undefined)[] = [];
    faulty.before = (method, id) => {
      if (method === 'delete') order.push(id);
    };
    await registrar.unregisterApp('wx1');
    expect(Object.keys(await contents())).toEqual(['app/wx12', 'task/wx12/access_token', 'key/wx12/access_token']);
    expect([registry.app('wx1'), [...registry.tasksOf('wx1')]]).toEqual([undefined, []]);
    expect(registry.task({ appid: 'wx12', type: 'access_token' })).toBeDefined();
    expect(told.sort()).toEqual([
      'forgot wx1',
      'removed wx1/access_token',
      'removed wx1/jsapi_ticket',
      'removed wx1/oauth/o%2F1',
    ]);
    expect(order.map((id) => id?.split('/')[0])).toEqual(['task', 'task', 'task', 'app', 'key', 'key', 'limit']);
  });

  test('unregistering a task deletes only it and its record', async () => {
    await registrar.unregisterTask({ appid: 'wx1', type: 'oauth', subject: 'o/1' });
    expect(Object.keys(await contents()).filter((id) => id.includes('/wx1/'))).toEqual([
      'task/wx1/access_token',
      'task/wx1/jsapi_ticket',
      'key/wx1/access_token',
    ]);
    expect(told).toEqual(['removed wx1/oauth/o%2F1']);
  });

  test('unregistering an unknown app or task is harmless', async () => {
    await registrar.unregisterApp('unknown');
    await registrar.unregisterTask({ appid: 'unknown', type: 't' });
    expect([told, Object.keys(await contents()).length]).toEqual([[], 9]);
  });

  test('unregistering retries after another process has changed a document once', async () => {
    let rounds = 0;
    faulty.before = async (method, id) => {
      if (method === 'delete' && id === TASK && ++rounds === 1) await putContent(memory, TASK, { rival: true });
    };
    await registrar.unregisterTask({ appid: 'wx1', type: 'access_token' });
    expect((await contents())[TASK]).toBeUndefined();
  });

  test('unregistering fails after ten rounds against a process that changes the document every time', async () => {
    faulty.before = async (method, id) => {
      if (method === 'delete' && id === TASK) await putContent(memory, TASK, { rival: true });
    };
    await expect(registrar.unregisterTask({ appid: 'wx1', type: 'access_token' })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      message: `other processes kept changing ${TASK}: try again later`,
    });
    expect(faulty.calls.filter((call) => call === 'delete')).toHaveLength(10);
    expect(registry.task({ appid: 'wx1', type: 'access_token' })).toBeDefined();
  });
});

describe('removeEnded', () => {
  const KEY = 'key/wx1/access_token';
  const ended = (mark: string): boolean => mark === newMark(newId);

  async function store(app: string): Promise<void> {
    await register({ appid: 'wx1', tasks: ['access_token'] });
    await memory.set(KEY, seal(KEY, { enrolment: { app, task: newMark(newId) } }), 0);
  }

  const left = async (): Promise<(string | undefined)[]> => (await memory.get([APP, TASK, KEY])).map((one) => one?.id);

  test.each([
    { id: APP, others: [undefined, TASK, undefined] },
    { id: TASK, others: [APP, undefined, undefined] },
  ])(
    'removeEnded deletes $id with its keys, also after these could not be deleted at first',
    async ({ id, others }) => {
      await store(newMark(newId));
      faulty.before = (method, of) => {
        if (method === 'delete' && of === KEY) throw new Error('away');
      };
      const refused = { code: 'STORE_UNAVAILABLE' };
      await expect(registrar.removeEnded('wx1', [id], ended)).rejects.toMatchObject(refused);
      faulty.before = () => {};
      await registrar.removeEnded('wx1', [id], ended);
      expect(await left()).toEqual(others);
    },
  );

  test('removeEnded deletes what a running refresh has stored since the keys were deleted', async () => {
    await store(newMark(newId));
    faulty.before = async (method, of) => {
      if (method === 'delete' && of === APP)
        await memory.set(KEY, seal(KEY, { enrolment: { app: newMark(newId) } }), 0);
    };
    await registrar.removeEnded('wx1', [APP], ended);
    expect(await left()).toEqual([undefined, TASK, undefined]);
  });

  test('removeEnded keeps what a later enrolment has stored for the same keys', async () => {
    await store('another');
    await registrar.removeEnded('wx1', [APP], ended);
    expect(await left()).toEqual([undefined, TASK, KEY]);
  });
});

describe('Registrar: a store that holds the schedule', () => {
  const KEY_ID = 'key/wx1/access_token';
  let hurried: string[];

  beforeEach(() => {
    hurried = [];
    const store = new SupervisedStore(faulty, clock, { unavailable() {}, available() {} });
    const reader = new DocumentReader(store, () => {});
    const hurryApp = (appid: string): void => void hurried.push(appid);
    const closing = new Closing();
    registrar = new Registrar({
      store,
      reader,
      registry,
      clock,
      closing,
      isShared: true,
      hurryApp,
      newId,
    });
  });

  async function dueOf(id: string): Promise<unknown> {
    return (await memory.get([id]))[0]?.due;
  }

  test('a new task is due now, after it is stored, and so is the delivery of its tokens', async () => {
    const written: string[] = [];
    faulty.before = (method, id) => void (method === 'set' && written.push(String(id)));
    await register({ appid: 'wx1', secret: 'S', tasks: ['access_token'] });
    expect(written).toEqual([TASK, APP, KEY_ID]);
    expect(await dueOf(KEY_ID)).toEqual({ lane: 'access_token', at: clock.now() });
    const plan = planRegistration({ appid: 'wx1', tasks: ['jsapi_ticket'] }, () => {});
    const told = plan.tasks.map((task) => ({ ...task, notify: 'http://shop.test/' }));
    await registrar.register({ ...plan, tasks: told });
    expect(await dueOf('delivery/wx1/jsapi_ticket')).toEqual({ lane: 'deliver', at: clock.now() });
  });

  test('a registration that repeats the stored one writes nothing, and moves no due', async () => {
    const registration = { appid: 'wx1', secret: 'S', tasks: ['access_token'] };
    await register(registration);
    const due = { lane: 'access_token', at: clock.now() + 5_000 };
    await putContent(memory, KEY_ID, {}, { due });
    faulty.calls.length = 0;
    await register(registration);
    expect(faulty.calls.filter((call) => call === 'set')).toEqual([]);
    expect(await dueOf(KEY_ID)).toEqual(due);
  });

  test('a due that was removed is restored by the same registration', async () => {
    const registration = { appid: 'wx1', secret: 'S', tasks: ['access_token'] };
    await register(registration);
    await putContent(memory, KEY_ID, { kept: true });
    await register(registration);
    expect(await dueOf(KEY_ID)).toEqual({ lane: 'access_token', at: clock.now() });
    expect((await contents())[KEY_ID]).toEqual({ kept: true });
  });

  test('a changed task is due now, and the rest of its app is left alone', async () => {
    await register({ appid: 'wx1', secret: 'S', tasks: ['access_token', 'jsapi_ticket'] });
    for (const type of ['access_token', 'jsapi_ticket']) {
      await putContent(memory, `key/wx1/${type}`, {}, { due: { lane: type, at: clock.now() + 600_000 } });
    }
    await register({ appid: 'wx1', tasks: [{ type: 'access_token', params: { given: true } }, 'jsapi_ticket'] });
    expect(await dueOf(KEY_ID)).toEqual({ lane: 'access_token', at: clock.now() });
    expect(await dueOf('key/wx1/jsapi_ticket')).toEqual({ lane: 'jsapi_ticket', at: clock.now() + 600_000 });
    expect(hurried).toEqual([]);
  });

  test('a changed secret makes every key of its app due now, and a new app none', async () => {
    await register({ appid: 'wx1', secret: 'S', tasks: ['access_token'] });
    expect(hurried).toEqual([]);
    await register({ appid: 'wx1', secret: 'another' });
    expect(hurried).toEqual(['wx1']);
  });

  test('a due that cannot be written undoes the whole registration', async () => {
    failAt(3);
    await expect(register({ appid: 'wx1', secret: 'S', tasks: ['access_token'] })).rejects.toThrow();
    expect(await contents()).toEqual({});
  });
});
