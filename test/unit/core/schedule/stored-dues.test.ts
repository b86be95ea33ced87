import { beforeEach, describe, expect, test } from 'vitest';
import { FARTHEST_DUE_MS } from '../../../../src/core/concurrency/time-limits.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
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

describe('postpone after a clock was set back, and after other changes', () => {
  test.each([
    [FARTHEST_DUE_MS, false],
    [FARTHEST_DUE_MS + 1, true],
  ])('postpone moves a due that is %i ms ahead, farther than any is stored: %s', async (ms, moves) => {
    await write({}, now + ms);
    expect(await storedDues.postpone(KEY, now + 5_000, true)).toBe(moves);
    expect(await dueAt()).toBe(now + (moves ? 5_000 : ms));
  });

  test('postpone says that a key without a task was not written', async () => {
    expect(await storedDues.postpone({ appid: 'wx1', type: 'b' }, now + 5_000, false)).toBe(false);
    expect(await storedDues.postpone(KEY, now + 5_000, false)).toBe(true);
  });

  test('postpone says that a key which another process has written meanwhile was not written', async () => {
    const version = await write({}, now);
    store.before = async (method, id) => {
      if (method !== 'set' || id !== ID) return;
      store.before = () => {};
      await store.set(ID, seal(ID, {}), version, { due: { lane: 'a', at: now + 90_000 } });
    };
    expect(await storedDues.postpone(KEY, now + 5_000, true)).toBe(false);
    expect(await dueAt()).toBe(now + 90_000);
  });

  test.each([true, false])(
    'a failure with another input than the present one defers nothing: %s',
    async (isOutdated) => {
      const trying = {
        attempts: 1,
        failedAt: now,
        retryAt: now + 600_000,
        registration: 'r',
        backingOff: false,
        error: {},
      };
      await write({ trying: trying as never }, now);
      const judged: unknown[] = [];
      await storedDues.postpone(KEY, now + 5_000, true, undefined, (failed) => {
        judged.push(failed.registration);
        return isOutdated;
      });
      expect(judged).toEqual(['r']);
      expect(await dueAt()).toBe(now + (isOutdated ? 5_000 : 600_000));
      expect((await stored())?.data['trying']).toEqual(trying);
    },
  );
});

describe('bringForward', () => {
  const DUE_IN = 7_000_000;
  const TOLERANCE_MS = 5_000;

  /** Returns a record as it is cached from the stored one. */
  const cached = (version: number, storedDueAt = now + DUE_IN) => ({ key: KEY, version, storedDueAt }) as CachedRecord;

  test('bringForward moves the due of a record and of its document to an earlier instant', async () => {
    const version = await write({ grant: grant(now + DUE_IN) }, now + DUE_IN);
    await storedDues.bringForward(cached(version), now + 1_000.4);
    expect(await dueAt()).toBe(now + 1_000);
    expect((await stored())?.data['grant']).toEqual(grant(now + 1_000));
  });

  test.each([
    [TOLERANCE_MS, false],
    [TOLERANCE_MS + 1, true],
  ])('bringForward moves a due that is %i ms too late: %s', async (lateMs, moves) => {
    const version = await write({ grant: grant(now + DUE_IN) }, now + DUE_IN);
    const at = now + DUE_IN - lateMs;
    await storedDues.bringForward(cached(version), at);
    expect(await dueAt()).toBe(moves ? at : now + DUE_IN);
  });

  test.each<[string, () => JsonObject, (version: number) => CachedRecord]>([
    ['that another process has replaced', () => ({ grant: grant(now + DUE_IN) }), (version) => cached(version + 1)],
    [
      'whose due another process has moved',
      () => ({ grant: grant(now + DUE_IN) }),
      (version) => cached(version, now + DUE_IN + 1),
    ],
    ['whose token is gone', () => ({}), (version) => cached(version)],
  ])('bringForward leaves a record alone %s', async (_what, content, held) => {
    const version = await write(content(), now + DUE_IN);
    await storedDues.bringForward(held(version), now + 1_000);
    expect(await dueAt()).toBe(now + DUE_IN);
  });

  test('bringForward leaves a key alone that is not in the schedule, or not stored', async () => {
    await storedDues.bringForward(cached(1), now + 1_000);
    expect(await stored()).toBeUndefined();
    const version = await write({ grant: grant(now + DUE_IN) }, undefined);
    await storedDues.bringForward(cached(version), now + 1_000);
    expect(await dueAt()).toBeUndefined();
  });

  test('bringForward makes no key due before its last failure permits another attempt', async () => {
    const trying = {
      attempts: 1,
      failedAt: now,
      retryAt: now + 600_000,
      registration: '',
      backingOff: false,
      error: {},
    };
    const version = await write({ trying: trying as never, grant: grant(now + DUE_IN) }, now + DUE_IN);
    await storedDues.bringForward(cached(version), now + 1_000);
    expect(await dueAt()).toBe(now + 600_000);
  });
});

describe('makeAllDueNow', () => {
  const trying = { attempts: 1, failedAt: 0, retryAt: 0, registration: '', backingOff: false, error: {} } as never;

  test.each<[string, () => JsonObject, number | undefined, number | undefined]>([
    ['that has failed', () => ({ trying }), 60_000, 0],
    ['without a token', () => ({}), 60_000, 0],
    ['whose token was due and put off', () => ({ grant: grant(now - 1) }), 60_000, 0],
    ['whose token is due now and put off', () => ({ grant: grant(now) }), 60_000, 0],
    ['that has failed and whose token is not due', () => ({ trying, grant: grant(now + 60_000) }), 60_000, 0],
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

  test('remove has nothing to do for a key without a task and a document', async () => {
    await store.delete('task/wx1/a', (await store.get(['task/wx1/a']))[0]?.version ?? 0);
    store.calls.length = 0;
    expect(await storedDues.remove(KEY, { id: ID, document: undefined, release: async () => {} })).toBe(true);
    expect(store.calls).toEqual(['get']);
  });

  test('remove deletes what is left of an app that was removed', async () => {
    await write({ grant: grant(now) }, now);
    await store.delete('app/wx1', (await store.get(['app/wx1']))[0]?.version ?? 0);
    expect(await drop()).toBe(true);
    expect(await stored()).toBeUndefined();
  });
});
