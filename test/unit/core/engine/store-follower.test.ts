import { beforeEach, describe, expect, test } from 'vitest';
import { Engine } from '../../../../src/core/engine/engine.js';
import { StoreFollower } from '../../../../src/core/engine/store-follower.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { Events } from '../../../../src/core/model/events.js';
import { resolveOptions } from '../../../../src/core/model/options.js';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import type { StoredGrant } from '../../../../src/core/store/key-document.js';
import { HISTORY_ID, StoreHistory } from '../../../../src/core/store/store-history.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';

class WatchedStore extends FaultyStore {
  watchers: ((id: string | undefined) => void)[] = [];

  override async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.watchers.push(changed);
    return async () => {
      this.watchers = this.watchers.filter((watcher) => watcher !== changed);
    };
  }

  tell(id: string | undefined): void {
    for (const watcher of this.watchers) watcher(id);
  }
}

let clock: FakeClock;
let memory: MemoryStore;
let faulty: WatchedStore;
let engine: Engine;
let follower: StoreFollower;
let events: string[];
let changed: string[];

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new WatchedStore(memory);
  events = [];
  changed = [];
  const emitter = new Events();
  emitter.on('refreshed', ({ record, source }) => void events.push(`${record.value} ${source}`));
  engine = new Engine({
    store: faulty,
    options: resolveOptions({ clock }),
    events: emitter,
    types: [],
    refresherOf: () => undefined,
    newId: () => 'id',
    upstream: () => ({ request: () => Promise.reject(), close: async () => {} }),
  });
  const { store, documents, registry, records, failures, writer } = engine;
  follower = new StoreFollower({
    clock: engine.clock,
    store,
    documents,
    registry,
    records,
    failures,
    writer,
    closing: new Closing(),
    recovery: {
      history: new StoreHistory({ store, clock, newId: () => 'id', replaced: () => {} }),
      look: async () => {},
      showed: async () => {},
    },
    isPushed: () => false,
    reported: (key, value) => void changed.push(`${keyId(key)} reported ${value}`),
    changed: (key) => void changed.push(keyId(key)),
  });
});

function grant(value: string, fields: Partial<StoredGrant> = {}): StoredGrant {
  const now = clock.now();
  return { value, obtainedAt: now, expiresAt: now + 7_200_000, dueAt: now + 6_000_000, ...fields };
}

async function put(content: JsonObject, id = ID): Promise<number> {
  const [before] = await memory.get([id]);
  return (await memory.set(id, seal(id, content), before?.version ?? 0)) as number;
}

async function remove(id = ID): Promise<void> {
  const [document] = await memory.get([id]);
  await memory.delete(id, document?.version as number);
}

const withTask = (key: TokenKey = KEY): void =>
  engine.registry.setTask({ key, params: undefined, notify: undefined, functionMissing: false, version: 1 });
const held = () => engine.records.cache.get(KEY);
const gets = (): number => faulty.calls.filter((call) => call === 'get').length;

describe('read', () => {
  test('adopts what the store holds', async () => {
    const version = await put({ grant: { ...grant('a') } });
    const cached = await follower.read(KEY);
    expect([cached?.value, cached?.version, held()]).toEqual(['a', version, cached]);
    expect([changed, events]).toEqual([['wx1/access_token'], []]);
  });

  test('announces the first record of a key with a task, and every other value', async () => {
    withTask();
    await put({ grant: { ...grant('a') } });
    await follower.read(KEY);
    await put({ grant: { ...grant('b') } });
    await follower.read(KEY);
    expect(events).toEqual(['a store', 'b store']);
  });

  test('that finds nothing says nothing of a failure that has been recorded meanwhile', async () => {
    let recorded: unknown;
    faulty.afterGet = () => {
      if (recorded !== undefined) return;
      const trying = {
        attempts: 1,
        failedAt: clock.now(),
        retryAt: clock.now() + 1,
        registration: '',
        backingOff: true,
      };
      const error = { code: 'UPSTREAM_UNAVAILABLE', message: 'busy', retryable: true };
      engine.records.cache.setFailure(KEY, { trying: { ...trying, error }, local: false, version: 7 });
      recorded = engine.records.cache.failure(KEY);
    };
    await follower.read(KEY);
    expect([recorded === undefined, engine.records.cache.failure(KEY)]).toEqual([false, recorded]);
    await follower.read(KEY);
    expect(engine.records.cache.failure(KEY)).toBeUndefined();
  });

  test('is one at a time for a key', async () => {
    await put({ grant: { ...grant('a') } });
    const [one, two] = [follower.read(KEY), follower.read(KEY)];
    expect(two).toBe(one);
    await one;
    expect(gets()).toBe(1);
    await follower.read(KEY);
    expect(gets()).toBe(2);
    faulty.before = () => Promise.reject(new Error('gone'));
    await expect(follower.read(KEY)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    faulty.before = () => {};
    await expect(follower.read(KEY)).resolves.toBe(held());
  });

  test('confirms what is held already', async () => {
    await put({ grant: { ...grant('a') } });
    const first = await follower.read(KEY);
    changed.length = 0;
    await clock.advance(60_000);
    expect(await follower.read(KEY)).toBe(first);
    expect([first?.confirmedAtMonotonic, changed]).toEqual([60_000, []]);
  });

  test('takes over a due that was moved', async () => {
    const version = await put({ grant: { ...grant('a') } });
    await follower.read(KEY);
    await put({ grant: { ...grant('a', { dueAt: 5 }) }, recordVersion: version });
    const cached = await follower.read(KEY);
    expect([cached?.version, cached?.dueAt, events]).toEqual([version, 5, []]);
  });

  test('drops what the store has no longer', async () => {
    await put({ grant: { ...grant('a') } });
    await follower.read(KEY);
    changed.length = 0;
    await remove();
    expect(await follower.read(KEY)).toBeUndefined();
    expect([held(), changed]).toEqual([undefined, ['wx1/access_token']]);
  });

  test('keeps what the store never had', async () => {
    const document = { version: 9, recordVersion: 9, unknown: {} };
    const adoption = { source: 'upstream', written: false, announceFirst: false } as const;
    const unwritten = engine.records.adopt(KEY, document, grant('a'), adoption);
    expect(await follower.read(KEY)).toBe(unwritten);
    await put({ trying: { attempts: 1, registration: '0:0' } });
    expect(await follower.read(KEY)).toBe(unwritten);
    expect(engine.failures.remembered(KEY)?.trying.attempts).toBe(1);
  });

  test('yields to a record that was put in force while it read', async () => {
    await put({ grant: { ...grant('a') } });
    await follower.read(KEY);
    await put({ grant: { ...grant('b') } });
    const newer = { version: 2 ** 53 - 1, recordVersion: 2 ** 53 - 1, unknown: {} };
    let ours: unknown;
    faulty.before = () => {
      ours = engine.records.adopt(KEY, newer, grant('c'), { source: 'put', announceFirst: false });
    };
    expect(await follower.read(KEY)).toBe(ours);
    expect(held()?.value).toBe('c');
  });
});

describe('a store that went back in time', () => {
  async function wentBack(): Promise<number> {
    const version = await put({ grant: { ...grant('new') } });
    await follower.read(KEY);
    await remove();
    const old = new FakeClock({ now: clock.now() - 3_600_000 });
    const restored = new MemoryStore({ clock: old });
    const older = (await restored.set(ID, seal(ID, { grant: { ...grant('old') }, chain: ['x'] }), 0)) as number;
    memory = restored;
    faulty.before = () => {};
    Reflect.set(faulty, 'get', (ids: string[]) => restored.get(ids));
    Reflect.set(faulty, 'set', (...args: Parameters<MemoryStore['set']>) => restored.set(...args));
    expect(older).toBeLessThan(version);
    return version;
  }

  test('is given back the newer record, and keeps the fields of another release', async () => {
    withTask();
    const version = await wentBack();
    const cached = await follower.read(KEY);
    await clock.advance(0);
    expect([cached?.value, cached?.version]).toEqual(['new', version]);
    const [document] = await memory.get([ID]);
    expect(unseal(document as NonNullable<typeof document>)).toMatchObject({ grant: { value: 'new' }, chain: ['x'] });
    expect(document?.due).toEqual({ lane: 'access_token', at: cached?.storedDueAt });
    expect(events).toEqual(['new store']);
  });

  test('has its document from then on: the record goes by the version that it got there', async () => {
    await wentBack();
    await follower.read(KEY);
    await clock.advance(0);
    const [document] = await memory.get([ID]);
    expect([held()?.value, held()?.version]).toEqual(['new', document?.version]);
    const read = await engine.documents.read(KEY);
    expect(await follower.restoreNewer(KEY, read)).toBe(false);
  });

  test.each([
    ['was got later than the one that is held', 1, 'stored'],
    ['was got at the same instant as the one that is held, and brings another refresh token', 0, 'stored'],
    ['was got earlier than the one that is held', -1, 'held'],
  ] as const)('is compared by age, not by version, where its record %s', async (_, later, wins) => {
    await put({ grant: { ...grant('first') } });
    const heldVersion = await put({ grant: { ...grant('held') } });
    await follower.read(KEY);
    const rotation = { token: 'refresh-of-stored', known: ['unknown to what is held'] };
    const document = { version: 1, recordVersion: 1, grant: grant('stored', { obtainedAt: clock.now() + later }) };
    faulty.before = () => {};
    Reflect.set(faulty, 'get', async (ids: string[]) =>
      ids.map((id) =>
        id === ID ? { id, version: 1, data: seal(id, { grant: { ...document.grant }, rotation }) } : undefined,
      ),
    );
    const writes: JsonObject[] = [];
    Reflect.set(faulty, 'set', async (id: string, data: JsonObject) => {
      if (id === ID) writes.push(data);
      return 2;
    });
    await follower.read(KEY);
    await clock.advance(0);
    expect(heldVersion).toBeGreaterThan(2);
    expect([held()?.value, held()?.version]).toEqual([wins, wins === 'held' ? 2 : 1]);
    expect(held()?.rotation?.token).toBe('refresh-of-stored');
    expect(writes.map((data) => (data['grant'] as unknown as StoredGrant).value)).toEqual(
      wins === 'held' ? ['held'] : [],
    );
  });

  test('gets no due for a key without a task', async () => {
    await wentBack();
    await follower.read(KEY);
    await clock.advance(0);
    expect((await memory.get([ID]))[0]?.due).toBeUndefined();
  });

  test('may fail once more', async () => {
    await wentBack();
    Reflect.set(faulty, 'set', () => Promise.reject(new Error('gone')));
    expect((await follower.read(KEY))?.value).toBe('new');
    await clock.advance(0);
    expect(held()?.value).toBe('new');
  });

  test('is given nothing that no store ever held', async () => {
    const document = { version: 2 ** 53 - 1, recordVersion: 2 ** 53 - 1, unknown: {} };
    engine.records.adopt(KEY, document, grant('ours'), { source: 'upstream', written: false, announceFirst: false });
    await put({ grant: { ...grant('stored') } });
    expect((await follower.read(KEY))?.value).toBe('ours');
    await clock.advance(0);
    expect(faulty.calls).not.toContain('set');
  });
});

describe('a record of a store that was replaced', () => {
  async function displaced(): Promise<void> {
    await memory.set('app/wx1', seal('app/wx1', {}), 0);
    await engine.registry.reload('app/wx1');
    await put({ grant: { ...grant('held') } });
    await follower.read(KEY);
    engine.records.displace();
  }

  test('does not hide what another process has stored while it was put back', async () => {
    await displaced();
    await put({ grant: { ...grant('older', { obtainedAt: clock.now() - 1 }) } });
    let say = (): void => {};
    faulty.afterSet = (id) => (id === ID ? new Promise((resolve) => (say = resolve)) : undefined);
    const puttingBack = follower.read(KEY);
    await clock.advance(0);
    const version = await put({ grant: { ...grant('newer', { obtainedAt: clock.now() + 1 }) } });
    let show = (): void => {};
    faulty.before = (method, id) =>
      method === 'get' && id === HISTORY_ID ? new Promise((resolve) => (show = resolve)) : undefined;
    const reading = follower.loadAll([KEY]);
    await clock.advance(0);
    say();
    await puttingBack;
    expect(held()?.value).toBe('held');
    show();
    await reading;
    expect([held()?.value, held()?.version]).toEqual(['newer', version]);
  });

  test('is not compared with what was read before the store was replaced', async () => {
    await displaced();
    await follower.read(KEY);
    let isFirst = true;
    faulty.afterGet = async () => {
      if (!isFirst) return;
      isFirst = false;
      engine.records.displace();
      await remove();
    };
    const cached = await follower.read(KEY);
    const [document] = await memory.get([ID]);
    expect([cached?.value, cached?.version]).toEqual(['held', document?.version]);
  });
});

describe('loadAll', () => {
  test('reads a hundred keys in one round trip', async () => {
    const keys = Array.from({ length: 250 }, (_, index) => ({ ...KEY, subject: `s${index}` }));
    for (const key of keys) await put({ grant: { ...grant(key.subject) } }, `key/${keyId(key)}`);
    await follower.loadAll(keys);
    expect(gets()).toBe(3);
    expect(keys.map((key) => engine.records.cache.get(key)?.value)).toEqual(keys.map(({ subject }) => subject));
  });

  test('goes on where one cannot be read, which is known of then too', async () => {
    const keys = ['a', 'b', 'c'].map((subject) => ({ ...KEY, subject }));
    await put({ grant: { ...grant('a') } }, 'key/wx1/access_token/a');
    await memory.set('key/wx1/access_token/b', { torn: true }, 0);
    await put({ grant: { ...grant('c') } }, 'key/wx1/access_token/c');
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await follower.loadAll(keys);
    expect(keys.map((key) => engine.records.cache.get(key)?.value)).toEqual(['a', undefined, 'c']);
    expect(changed).toEqual(keys.map(keyId));
  });

  test('adopts a newer record than the one that came while it was read', async () => {
    const version = await put({ grant: { ...grant('older') } });
    await put({ grant: { ...grant('newer') } });
    const document = { version, recordVersion: version, unknown: {} };
    faulty.before = () => {
      engine.records.adopt(KEY, document, grant('older'), { source: 'store', announceFirst: false });
    };
    await follower.loadAll([KEY]);
    expect(held()?.value).toBe('newer');
  });

  test('keeps a newer record that came while it was read', async () => {
    const version = (await put({ grant: { ...grant('a') } })) + 1;
    const document = { version, recordVersion: version, unknown: {} };
    faulty.before = () => {
      engine.records.adopt(KEY, document, grant('ours'), { source: 'put', announceFirst: false });
    };
    await follower.loadAll([KEY]);
    expect(held()?.value).toBe('ours');
  });

  test('fails when the store does', async () => {
    faulty.before = () => Promise.reject(new Error('gone'));
    await expect(follower.loadAll([KEY])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('the watch', () => {
  test('begins with what the store remembers', async () => {
    await put({ secret: 'S' }, 'app/wx1');
    await put({}, 'task/wx1/access_token');
    await follower.start();
    expect([engine.registry.app('wx1')?.secret, engine.registry.task(KEY)?.key]).toEqual(['S', KEY]);
  });

  test('reads a key that concerns this process, and no other', async () => {
    await follower.start();
    faulty.calls.length = 0;
    await put({ grant: { ...grant('a') } });
    faulty.tell(ID);
    await clock.advance(0);
    expect([gets(), held()]).toEqual([0, undefined]);
    withTask();
    faulty.tell(ID);
    await clock.advance(0);
    expect(held()?.value).toBe('a');
    const other = { ...KEY, subject: 's' };
    await put({ grant: { ...grant('x') } }, 'key/wx1/access_token/s');
    await follower.read(other);
    await put({ grant: { ...grant('y') } }, 'key/wx1/access_token/s');
    faulty.tell('key/wx1/access_token/s');
    await clock.advance(0);
    expect(engine.records.cache.get(other)?.value).toBe('y');
  });

  test('waits for a write of its own', async () => {
    await follower.start();
    withTask();
    await put({}, 'app/wx1');
    await put({}, 'task/wx1/access_token');
    let answer = (): void => {};
    faulty.before = (method) => (method === 'set' ? new Promise((resolve) => (answer = resolve)) : undefined);
    const writing = engine.writer.write(KEY, await engine.documents.read(KEY), grant('a'), {
      source: 'upstream',
      reason: 'due',
      enrolment: { hadTask: true },
    });
    await clock.advance(0);
    const before = gets();
    faulty.tell(ID);
    await clock.advance(0);
    expect(gets()).toBe(before);
    answer();
    await writing;
    await clock.advance(0);
    expect(events).toEqual(['a upstream']);
  });

  test('reads an app or a task again', async () => {
    await follower.start();
    await put({ secret: 'S' }, 'app/wx1');
    await put({}, 'task/wx1/access_token');
    faulty.tell('app/wx1');
    faulty.tell('task/wx1/access_token');
    await clock.advance(0);
    expect([engine.registry.app('wx1')?.secret, engine.registry.task(KEY) === undefined]).toEqual(['S', false]);
  });

  test('ignores everything else', async () => {
    await follower.start();
    faulty.calls.length = 0;
    for (const id of ['limit/wx1/report', 'quarantine/wx1/x', 'odd']) faulty.tell(id);
    await clock.advance(0);
    expect(faulty.calls).toEqual([]);
  });

  test('reads everything when messages may have been lost', async () => {
    await put({ secret: 'S' }, 'app/wx1');
    await put({ grant: { ...grant('a') } });
    await follower.start();
    await follower.read(KEY);
    await put({ secret: 'S2' }, 'app/wx1');
    await put({ grant: { ...grant('b') } });
    faulty.tell(undefined);
    await clock.advance(0);
    expect([engine.registry.app('wx1')?.secret, held()?.value]).toEqual(['S2', 'b']);
  });

  test('survives notifications while the store fails', async () => {
    await follower.start();
    withTask();
    faulty.before = () => Promise.reject(new Error('gone'));
    for (const id of [ID, 'app/wx1', undefined]) faulty.tell(id);
    await clock.advance(0);
    expect(engine.store.failing).toBe(true);
  });

  test('is ended by stop, which may be called at any time', async () => {
    await follower.stop();
    await follower.start();
    expect(faulty.watchers).toHaveLength(1);
    await follower.stop();
    await follower.stop();
    expect(faulty.watchers).toHaveLength(0);
  });

  test('is one, also when the start fails at first', async () => {
    faulty.before = (method) => (method === 'list' ? Promise.reject(new Error('gone')) : undefined);
    await expect(follower.start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    faulty.before = () => {};
    await follower.start();
    expect(faulty.watchers).toHaveLength(1);
    await follower.stop();
    expect(faulty.watchers).toHaveLength(0);
  });
});
