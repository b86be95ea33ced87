import { beforeEach, describe, expect, test } from 'vitest';
import { HeldRecords } from '../../../../src/core/engine/held-records.js';
import { Closing } from '../../../../src/core/model/closing.js';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { RecordReader } from '../../../../src/core/records/record-reader.js';
import { NOTHING_IS_LOST } from '../../../../src/core/store/absence.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { HISTORY_ID } from '../../../../src/core/store/history-document.js';
import { reportedGrant, type StoredGrant } from '../../../../src/core/store/key-document.js';
import { StoreHistory } from '../../../../src/core/store/store-history.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords, holdTask } from '../../../support/worlds/held-records.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let restorer: HeldRecords;
let reader: RecordReader;
let closing: Closing;
let events: string[];
let changed: string[];

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  events = [];
  changed = [];
  world = holdRecords(faulty, clock);
  world.events.on('refreshed', ({ record, source }) => void events.push(`${record.value} ${source}`));
  const history = new StoreHistory({ store: world.store, clock, newId: () => 'id' });
  const changes = {
    reported: (key: TokenKey, value: string) => void changed.push(`${keyId(key)} reported ${value}`),
    changed: (key: TokenKey) => void changed.push(keyId(key)),
  };
  restorer = new HeldRecords({ ...world, history, changes });
  closing = new Closing();
  reader = new RecordReader({ ...world, restorer, changes, closing });
});

const grant = (value: string, fields: Partial<StoredGrant> = {}): StoredGrant => grantNow(clock, value, fields);
const put = (content: JsonObject, id = ID): Promise<number> => putContent(memory, id, content);

async function remove(id = ID): Promise<void> {
  const [document] = await memory.get([id]);
  await memory.delete(id, document?.version as number);
}

const withTask = (key: TokenKey = KEY): void => holdTask(world, key);
const held = () => world.records.cache.get(KEY);
const gets = (): number => faulty.calls.filter((call) => call === 'get').length;

describe('read', () => {
  test('read adopts what the store holds', async () => {
    const version = await put({ grant: { ...grant('a') } });
    const cached = await reader.read(KEY);
    expect([cached?.value, cached?.version, held()]).toEqual(['a', version, cached]);
    expect([changed, events]).toEqual([['wx1/access_token'], []]);
  });

  test('read announces the first record of a key with a task, and every other value', async () => {
    withTask();
    await put({ grant: { ...grant('a') } });
    await reader.read(KEY);
    await put({ grant: { ...grant('b') } });
    await reader.read(KEY);
    expect(events).toEqual(['a store', 'b store']);
  });

  test('a read that finds nothing does not clear a failure that has been recorded meanwhile', async () => {
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
      world.records.cache.setFailure(KEY, { trying: { ...trying, error }, local: false, version: 7 });
      recorded = world.records.cache.failure(KEY);
    };
    await reader.read(KEY);
    expect([recorded === undefined, world.records.cache.failure(KEY)]).toEqual([false, recorded]);
    await reader.read(KEY);
    expect(world.records.cache.failure(KEY)).toBeUndefined();
  });

  test('only one read of a key runs at a time', async () => {
    await put({ grant: { ...grant('a') } });
    const [one, two] = [reader.read(KEY), reader.read(KEY)];
    expect(two).toBe(one);
    await one;
    expect(gets()).toBe(1);
    await reader.read(KEY);
    expect(gets()).toBe(2);
    faulty.before = () => Promise.reject(new Error('gone'));
    await expect(reader.read(KEY)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    faulty.before = () => {};
    await expect(reader.read(KEY)).resolves.toBe(held());
  });

  test('read confirms what is cached already', async () => {
    await put({ grant: { ...grant('a') } });
    const first = await reader.read(KEY);
    changed.length = 0;
    await clock.advance(60_000);
    expect(await reader.read(KEY)).toBe(first);
    expect([first?.confirmedAtMonotonic, changed]).toEqual([60_000, []]);
  });

  test('read adopts a due that was moved', async () => {
    const version = await put({ grant: { ...grant('a') } });
    await reader.read(KEY);
    await put({ grant: { ...grant('a', { dueAt: 5 }) }, recordVersion: version });
    const cached = await reader.read(KEY);
    expect([cached?.version, cached?.dueAt, events]).toEqual([version, 5, []]);
  });

  test('read drops what the store no longer has', async () => {
    await put({ grant: { ...grant('a') } });
    await reader.read(KEY);
    changed.length = 0;
    await remove();
    expect(await reader.read(KEY)).toBeUndefined();
    expect([held(), changed]).toEqual([undefined, ['wx1/access_token']]);
  });

  test('read keeps what the store never had', async () => {
    const document = { version: 9, recordVersion: 9, unknown: {} };
    const adoption = { source: 'upstream', written: false, announceFirst: false } as const;
    const pendingGrants = world.records.adopt(KEY, document, grant('a'), adoption);
    expect(await reader.read(KEY)).toBe(pendingGrants);
    await put({ trying: { attempts: 1, registration: '0:0' } });
    expect(await reader.read(KEY)).toBe(pendingGrants);
    expect(world.retryStates.remembered(KEY)?.trying.attempts).toBe(1);
  });

  test('read yields to a record that was adopted while it was under way', async () => {
    await put({ grant: { ...grant('a') } });
    await reader.read(KEY);
    await put({ grant: { ...grant('b') } });
    const newer = { version: 2 ** 53 - 1, recordVersion: 2 ** 53 - 1, unknown: {} };
    let ours: unknown;
    faulty.before = () => {
      ours = world.records.adopt(KEY, newer, grant('c'), { source: 'put', announceFirst: false });
    };
    expect(await reader.read(KEY)).toBe(ours);
    expect(held()?.value).toBe('c');
  });
});

describe('read: what it is told, and what it tells', () => {
  test('a stale report in the document is told with its value, each time that it is read', async () => {
    await put({ grant: { ...grant('a') }, report: { value: secretHash('a'), at: clock.now() } });
    const document = await world.documents.read(KEY);
    await reader.read(KEY);
    expect(reportedGrant(document)?.value).toBe('a');
    expect(changed).toEqual(['wx1/access_token', 'wx1/access_token reported a']);
    reader.adopt(KEY, document);
    expect(changed.slice(2)).toEqual(['wx1/access_token reported a']);
  });

  test('a read that is in progress can be found, and one that has ended cannot', async () => {
    await put({ grant: { ...grant('a') } });
    expect(reader.underWay(KEY)).toBeUndefined();
    const reading = reader.read(KEY);
    expect([reader.underWay(KEY), reader.underWay({ ...KEY, subject: 'b' })]).toEqual([reading, undefined]);
    await reading;
    expect(reader.underWay(KEY)).toBeUndefined();
  });

  test('a read that ends after the closing has begun adopts nothing', async () => {
    await put({ grant: { ...grant('a') } });
    await reader.read(KEY);
    await put({ grant: { ...grant('b') } });
    faulty.afterGet = () => closing.begin();
    expect((await reader.read(KEY))?.value).toBe('a');
    expect(held()?.value).toBe('a');
    await expect(reader.loadAll([KEY])).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('a record is read with its registration in one round trip, and only if its app is registered', async () => {
    await put({ grant: { ...grant('a') } });
    expect(await reader.readWithRegistration(KEY)).toBeUndefined();
    expect(held()).toBeUndefined();
    await memory.set('app/wx1', seal('app/wx1', { secret: 'S' }), 0);
    faulty.calls.length = 0;
    expect((await reader.readWithRegistration(KEY))?.value).toBe('a');
    expect(faulty.calls).toEqual(['get']);
  });

  test('a record that is missing because it is being put back is read again', async () => {
    await put({ grant: { ...grant('a') } });
    const first = await reader.read(KEY);
    await remove();
    const judged: string[] = [];
    world.store.judgeAbsencesBy({
      ...NOTHING_IS_LOST,
      judgeAbsence: async (id) => {
        judged.push(id);
        await put({ grant: { ...grant('put back') } });
        return 'restored';
      },
    });
    const cached = await reader.read(KEY);
    expect([cached?.value, judged, cached === first]).toEqual(['put back', [ID], false]);
  });

  test('the absence of a record that no store ever held is not judged', async () => {
    const document = { version: 9, recordVersion: 9, unknown: {} };
    world.records.adopt(KEY, document, grant('a'), { source: 'upstream', written: false, announceFirst: false });
    const judged: string[] = [];
    const judgeAbsence = async (id: string): Promise<'deleted'> => {
      judged.push(id);
      return 'deleted';
    };
    world.store.judgeAbsencesBy({ ...NOTHING_IS_LOST, judgeAbsence });
    expect((await reader.read(KEY))?.value).toBe('a');
    expect(judged).toEqual([]);
  });

  test('a revocation that was stored beside the same record is adopted', async () => {
    const version = await put({ grant: { ...grant('a') } });
    await reader.read(KEY);
    await put({ grant: { ...grant('a') }, recordVersion: version, revokedAt: clock.now() - 1 });
    expect((await reader.read(KEY))?.revokedAt).toBe(clock.now() - 1);
  });
});

describe('a store that went back in time', () => {
  async function wentBack(): Promise<number> {
    const version = await put({ grant: { ...grant('new') } });
    await reader.read(KEY);
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

  test('a store that went back in time gets the newer record, with the fields of another release', async () => {
    withTask();
    const version = await wentBack();
    const cached = await reader.read(KEY);
    await clock.advance(0);
    expect([cached?.value, cached?.version]).toEqual(['new', version]);
    const [document] = await memory.get([ID]);
    expect(unseal(document as NonNullable<typeof document>)).toMatchObject({ grant: { value: 'new' }, chain: ['x'] });
    expect(document?.due).toEqual({ lane: 'access_token', at: cached?.storedDueAt });
    expect(events).toEqual(['new store']);
  });

  test('the record of a store that went back has the version that it got there', async () => {
    await wentBack();
    await reader.read(KEY);
    await clock.advance(0);
    const [document] = await memory.get([ID]);
    expect([held()?.value, held()?.version]).toEqual(['new', document?.version]);
    const read = await world.documents.read(KEY);
    expect(await restorer.restoreNewer(KEY, read)).toBe(false);
  });

  test.each([
    ['was got later than the one that is held', 1, 'stored'],
    ['was got at the same instant as the one that is held, and brings another refresh token', 0, 'stored'],
    ['was got earlier than the one that is held', -1, 'held'],
  ] as const)(
    'a store that went back is compared by age, not by version, where its record %s',
    async (_, later, wins) => {
      await put({ grant: { ...grant('first') } });
      const heldVersion = await put({ grant: { ...grant('held') } });
      await reader.read(KEY);
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
      await reader.read(KEY);
      await clock.advance(0);
      expect(heldVersion).toBeGreaterThan(2);
      expect([held()?.value, held()?.version]).toEqual([wins, wins === 'held' ? 2 : 1]);
      expect(held()?.rotation?.token).toBe('refresh-of-stored');
      expect(writes.map((data) => (data['grant'] as unknown as StoredGrant).value)).toEqual(
        wins === 'held' ? ['held'] : [],
      );
    },
  );

  test('a store that went back gets no due for a key without a task', async () => {
    await wentBack();
    await reader.read(KEY);
    await clock.advance(0);
    expect((await memory.get([ID]))[0]?.due).toBeUndefined();
  });

  test('restoring a record to a store that went back may fail once and is retried', async () => {
    await wentBack();
    Reflect.set(faulty, 'set', () => Promise.reject(new Error('gone')));
    expect((await reader.read(KEY))?.value).toBe('new');
    await clock.advance(0);
    expect(held()?.value).toBe('new');
  });

  test('a store that went back gets nothing that no store ever held', async () => {
    const document = { version: 2 ** 53 - 1, recordVersion: 2 ** 53 - 1, unknown: {} };
    world.records.adopt(KEY, document, grant('ours'), { source: 'upstream', written: false, announceFirst: false });
    await put({ grant: { ...grant('stored') } });
    expect((await reader.read(KEY))?.value).toBe('ours');
    await clock.advance(0);
    expect(faulty.calls).not.toContain('set');
  });
});

describe('a record of a store that was replaced', () => {
  async function displaced(): Promise<void> {
    await memory.set('app/wx1', seal('app/wx1', {}), 0);
    await world.registry.reload('app/wx1');
    await put({ grant: { ...grant('held') } });
    await reader.read(KEY);
    world.records.displace();
  }

  test('a record of a replaced store does not hide what another process stored while it was restored', async () => {
    await displaced();
    await put({ grant: { ...grant('older', { obtainedAt: clock.now() - 1 }) } });
    let say = (): void => {};
    faulty.afterSet = (id) => (id === ID ? new Promise((resolve) => (say = resolve)) : undefined);
    const puttingBack = reader.read(KEY);
    await clock.advance(0);
    const version = await put({ grant: { ...grant('newer', { obtainedAt: clock.now() + 1 }) } });
    let show = (): void => {};
    faulty.before = (method, id) =>
      method === 'get' && id === HISTORY_ID ? new Promise((resolve) => (show = resolve)) : undefined;
    const reading = reader.loadAll([KEY]);
    await clock.advance(0);
    say();
    await puttingBack;
    expect(held()?.value).toBe('held');
    show();
    await reading;
    expect([held()?.value, held()?.version]).toEqual(['newer', version]);
  });

  test('a record of a replaced store is not compared with what was read before the replacement', async () => {
    await displaced();
    await reader.read(KEY);
    let isFirst = true;
    faulty.afterGet = async () => {
      if (!isFirst) return;
      isFirst = false;
      world.records.displace();
      await remove();
    };
    const cached = await reader.read(KEY);
    const [document] = await memory.get([ID]);
    expect([cached?.value, cached?.version]).toEqual(['held', document?.version]);
  });
});

describe('confirmInBackground', () => {
  const keys = ['a', 'b', 'c'].map((subject) => ({ ...KEY, subject }));
  const cached = (): CachedRecord[] => keys.map((key) => world.records.cache.get(key) as CachedRecord);
  const putAll = async (value: string): Promise<void> => {
    for (const key of keys) await put({ grant: { ...grant(`${value} of ${key.subject}`) } }, `key/${keyId(key)}`);
  };

  beforeEach(async () => {
    await putAll('first');
    await reader.loadAll(keys);
    await clock.advance(60_000);
    faulty.calls.length = 0;
  });

  test('records that have to be confirmed at the same moment are read in one round trip', async () => {
    await putAll('second');
    for (const record of [...cached(), ...cached()]) reader.confirmInBackground(record);
    expect(gets()).toBe(0);
    await clock.advance(0);
    expect(gets()).toBe(1);
    expect(cached().map(({ value }) => value)).toEqual(['second of a', 'second of b', 'second of c']);
    await clock.advance(60_000);
    for (const record of cached()) reader.confirmInBackground(record);
    await clock.advance(0);
    expect(gets()).toBe(2);
  });

  test('records that the store cannot confirm stay, and are read again a minute later', async () => {
    await putAll('second');
    faulty.before = () => Promise.reject(new Error('gone'));
    for (const record of cached()) reader.confirmInBackground(record);
    await clock.advance(0);
    expect(cached().map(({ value }) => value)).toEqual(['first of a', 'first of b', 'first of c']);
    faulty.before = () => {};
    for (const record of cached()) reader.confirmInBackground(record);
    await clock.advance(0);
    expect(gets()).toBe(1);
    await clock.advance(60_000);
    for (const record of cached()) reader.confirmInBackground(record);
    await clock.advance(0);
    expect(cached().map(({ value }) => value)).toEqual(['second of a', 'second of b', 'second of c']);
  });
});

describe('loadAll', () => {
  test('loadAll reads a hundred keys in one round trip', async () => {
    const keys = Array.from({ length: 250 }, (_, index) => ({ ...KEY, subject: `s${index}` }));
    for (const key of keys) await put({ grant: { ...grant(key.subject) } }, `key/${keyId(key)}`);
    await reader.loadAll(keys);
    expect(gets()).toBe(3);
    expect(keys.map((key) => world.records.cache.get(key)?.value)).toEqual(keys.map(({ subject }) => subject));
  });

  test('loadAll continues where a document cannot be read, and the error of that key is known', async () => {
    const keys = ['a', 'b', 'c'].map((subject) => ({ ...KEY, subject }));
    await put({ grant: { ...grant('a') } }, 'key/wx1/access_token/a');
    await memory.set('key/wx1/access_token/b', { torn: true }, 0);
    await put({ grant: { ...grant('c') } }, 'key/wx1/access_token/c');
    faulty.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await reader.loadAll(keys);
    expect(keys.map((key) => world.records.cache.get(key)?.value)).toEqual(['a', undefined, 'c']);
    expect(changed.sort()).toEqual(keys.map(keyId));
  });

  test('loadAll adopts a newer record than the one that came while it was under way', async () => {
    const version = await put({ grant: { ...grant('older') } });
    await put({ grant: { ...grant('newer') } });
    const document = { version, recordVersion: version, unknown: {} };
    faulty.before = () => {
      world.records.adopt(KEY, document, grant('older'), { source: 'store', announceFirst: false });
    };
    await reader.loadAll([KEY]);
    expect(held()?.value).toBe('newer');
  });

  test('loadAll keeps a newer record that came while it was under way', async () => {
    const version = (await put({ grant: { ...grant('a') } })) + 1;
    const document = { version, recordVersion: version, unknown: {} };
    faulty.before = () => {
      world.records.adopt(KEY, document, grant('ours'), { source: 'put', announceFirst: false });
    };
    await reader.loadAll([KEY]);
    expect(held()?.value).toBe('ours');
  });

  test('loadAll fails when the store does', async () => {
    faulty.before = () => Promise.reject(new Error('gone'));
    await expect(reader.loadAll([KEY])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
