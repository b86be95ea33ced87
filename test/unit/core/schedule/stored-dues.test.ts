import { beforeEach, describe, expect, test } from 'vitest';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import { StoredDues } from '../../../../src/core/schedule/stored-dues.js';
import { type Absence, NOTHING_IS_LOST } from '../../../../src/core/store/absence.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { type JsonObject, MemoryStore, type StoredDocument } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'a' };
const ID = 'key/wx1/a';

let clock: FakeClock;
let store: FaultyStore;
let supervised: SupervisedStore;
let storedDues: StoredDues;
let now: number;

beforeEach(async () => {
  clock = new FakeClock();
  now = clock.now();
  store = new FaultyStore(new MemoryStore({ clock }));
  const storage = openStorage(store, clock);
  supervised = storage.store;
  storedDues = new StoredDues(storage);
  await store.set('app/wx1', seal('app/wx1', {}), 0);
  await store.set('task/wx1/a', seal('task/wx1/a', {}), 0);
});

function grant(dueAt: number): JsonObject {
  return { value: 'v', obtainedAt: now - 1_000, expiresAt: now + 7_200_000, dueAt };
}

async function write(content: JsonObject, at: number | undefined): Promise<number> {
  const options = at === undefined ? {} : { due: { lane: 'a', at } };
  return (await store.set(ID, seal(ID, content), 0, options)) as number;
}

async function stored(): Promise<StoredDocument | undefined> {
  return (await store.get([ID]))[0];
}

const dueAt = async (): Promise<number | undefined> => (await stored())?.due?.at;

describe('postpone', () => {
  test.each([
    { dueInMs: -1, at: 5_000 },
    { dueInMs: 0, at: 5_000 },
    { dueInMs: 1, at: 1 },
  ])('postpone moves what is due now: due in $dueInMs ms it is due in $at ms then', async ({ dueInMs, at }) => {
    await write({ grant: grant(now + dueInMs) }, now + dueInMs);
    expect(await storedDues.postpone(KEY, now + 5_000, true)).toBe(dueInMs <= 0);
    expect(await dueAt()).toBe(now + at);
  });

  test('postpone goes by what the document says where that is later', async () => {
    const trying = {
      attempts: 1,
      failedAt: now,
      retryAt: now + 600_000,
      registration: '',
      backingOff: false,
      error: {},
    };
    await write({ trying: trying as never, grant: grant(now + 60_000) }, now);
    await storedDues.postpone(KEY, now + 5_000, true);
    expect(await dueAt()).toBe(now + 600_000);
    expect(unseal((await stored()) as StoredDocument)).toEqual({
      trying,
      grant: grant(now + 60_000),
      recordVersion: expect.any(Number),
    });
  });

  test.each([
    { isTried: true, reported: false },
    { isTried: false, reported: true },
  ])('postpone keeps a stale report unless it has had its turn ($isTried)', async ({ isTried, reported }) => {
    const report = { value: secretHash('v'), at: now };
    await write({ grant: grant(now + 3_600_000), report }, now);
    await storedDues.postpone(KEY, now + 5_000, isTried);
    expect('report' in ((await stored())?.data ?? {})).toBe(reported);
    expect(await dueAt()).toBe(now + (reported ? 5_000 : 3_600_000));
  });

  test('postpone releases the lease in the same write', async () => {
    await write({}, now);
    const lease = await store.lease(ID, 20_000);
    store.calls.length = 0;
    expect(await storedDues.postpone(KEY, now + 5_000, false, lease)).toBe(true);
    expect(store.calls).toEqual(['get', 'set']);
    expect(await store.lease(ID, 20_000)).toBeDefined();
  });

  test('postpone restores a missing due while there is a task, and not without one', async () => {
    await storedDues.postpone(KEY, now + 5_000, false);
    expect(await dueAt()).toBe(now + 5_000);
    const other = { appid: 'wx1', type: 'b' };
    await storedDues.postpone(other, now + 5_000, false);
    expect((await store.get(['key/wx1/b']))[0]).toBeUndefined();
  });
});

describe('makeAllDueNow', () => {
  const trying = { attempts: 1, failedAt: 0, retryAt: 0, registration: '', backingOff: false, error: {} } as never;

  test.each<[string, () => JsonObject, number | undefined, number | undefined]>([
    ['that has failed', () => ({ trying }), 60_000, 0],
    ['without a token', () => ({}), 60_000, 0],
    ['whose token was due and put off', () => ({ grant: grant(now - 1) }), 60_000, 0],
    ['whose token is not due', () => ({ grant: grant(now + 60_000) }), 60_000, 60_000],
    ['that is due already', () => ({ trying }), -1, -1],
    ['that is not in the schedule', () => ({ trying }), undefined, undefined],
  ])(
    'the due times of an app are moved to now where useful: of a key %s',
    async (_what, content, beforeMs, afterMs) => {
      await write(content(), beforeMs === undefined ? undefined : now + beforeMs);
      await storedDues.makeAllDueNow('wx1');
      expect(await dueAt()).toBe(afterMs === undefined ? undefined : now + afterMs);
    },
  );

  test('makeAllDueNow leaves other apps alone, and those whose name begins the same', async () => {
    await store.set('key/wx12/a', seal('key/wx12/a', {}), 0, { due: { lane: 'a', at: now + 60_000 } });
    await storedDues.makeAllDueNow('wx1');
    expect((await store.get(['key/wx12/a']))[0]?.due?.at).toBe(now + 60_000);
  });

  test('makeDueNow loses to a concurrent write', async () => {
    const version = await write({ trying }, now + 60_000);
    store.before = async (method, id) => {
      if (method !== 'set' || id !== ID) return;
      store.before = () => {};
      await store.set(ID, seal(ID, { grant: grant(now + 90_000) }), version, { due: { lane: 'a', at: now + 90_000 } });
    };
    await storedDues.makeDueNow(KEY);
    expect(await dueAt()).toBe(now + 90_000);
  });
});

describe('remove', () => {
  async function drop(): Promise<boolean> {
    return storedDues.remove(KEY, { id: ID, document: await stored(), release: async () => {} });
  }

  test('remove leaves a key alone that has a task', async () => {
    await write({}, now);
    expect(await drop()).toBe(false);
    expect(await dueAt()).toBe(now);
  });

  test('remove takes a key without a task out of the schedule, and keeps its token', async () => {
    await write({ grant: grant(now) }, now);
    await store.delete('task/wx1/a', (await store.get(['task/wx1/a']))[0]?.version ?? 0);
    expect(await drop()).toBe(true);
    expect(await dueAt()).toBeUndefined();
    expect((await stored())?.data['grant']).toEqual(grant(now));
  });

  test('remove takes a key whose app is missing out of the schedule, and keeps its refresh token', async () => {
    await write({ grant: grant(now), rotation: { token: 'refresh' } }, now);
    await store.delete('app/wx1', (await store.get(['app/wx1']))[0]?.version ?? 0);
    expect(await drop()).toBe(true);
    expect(await dueAt()).toBeUndefined();
    expect((await stored())?.data['rotation']).toEqual({ token: 'refresh' });
  });

  test.each<[missing: readonly string[], lost: string, isDropped: boolean]>([
    [['app/wx1'], 'task/wx1/a', true],
    [['task/wx1/a'], 'app/wx1', true],
    [['app/wx1'], 'app/wx1', false],
    [['task/wx1/a'], 'task/wx1/a', false],
    [['app/wx1', 'task/wx1/a'], 'task/wx1/a', false],
  ])(
    'remove judges only what is missing: without %j, where %s would count as lost, it drops the key: %s',
    async (missing, lost, isDropped) => {
      const judged: string[] = [];
      const judgeAbsence = async (id: string): Promise<Absence> => {
        judged.push(id);
        return id === lost ? 'lost' : 'deleted';
      };
      supervised.judgeAbsencesBy({ ...NOTHING_IS_LOST, judgeAbsence });
      await write({ grant: grant(now) }, now);
      for (const id of missing) await store.delete(id, (await store.get([id]))[0]?.version ?? 0);
      expect(await drop()).toBe(isDropped);
      expect(judged).toEqual(missing);
    },
  );

  test('remove deletes what is left of an app that was removed', async () => {
    await write({ grant: grant(now) }, now);
    await store.delete('app/wx1', (await store.get(['app/wx1']))[0]?.version ?? 0);
    expect(await drop()).toBe(true);
    expect(await stored()).toBeUndefined();
  });
});
