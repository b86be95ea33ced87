import { beforeEach, describe, expect, test } from 'vitest';
import { CachedRecord, type CachedRecordInput } from '../../../../src/core/records/cached-record.js';
import { DisplacedRecords } from '../../../../src/core/records/displaced-records.js';
import type { RecordCache } from '../../../../src/core/records/record-cache.js';
import { RecordChanges } from '../../../../src/core/records/record-changes.js';
import { FakeClock } from '../../../../src/testing/index.js';

const GRANT = { value: 'CANARY', obtainedAt: 1, expiresAt: 2, dueAt: 3, scope: 'snsapi_base' };

function record(appid: string, more: Partial<CachedRecordInput> = {}): CachedRecord {
  return new CachedRecord({
    key: { appid, type: 'a' },
    grant: GRANT,
    version: 4,
    rotation: undefined,
    revokedAt: undefined,
    endsAtMonotonic: 5,
    dueAtMonotonic: 6,
    confirmedAtMonotonic: 7,
    dueAt: 8,
    isFromTheFuture: false,
    ...more,
  });
}

describe('a cached record', () => {
  test('a cached record has its instants, its version and what belongs to its token', () => {
    const rotation = { token: 'r' };
    expect(record('wx1', { rotation, revokedAt: 9, isFromTheFuture: true })).toMatchObject({
      key: { appid: 'wx1', type: 'a' },
      value: 'CANARY',
      scope: 'snsapi_base',
      rotation,
      revokedAt: 9,
      isFromTheFuture: true,
      obtainedAt: 1,
      expiresAt: 2,
      storedDueAt: 3,
      version: 4,
      endsAtMonotonic: 5,
      dueAtMonotonic: 6,
      confirmedAtMonotonic: 7,
      dueAt: 8,
      checkAt: 0,
      isStored: true,
      promise: undefined,
      recordPromise: undefined,
    });
  });

  test('a cached record is stored as long as the store has shown it', () => {
    const cached = record('wx1', { confirmedAtMonotonic: undefined });
    expect([cached.isStored, cached.confirmedAtMonotonic]).toEqual([false, undefined]);
    cached.confirmedAtMonotonic = 0;
    expect([cached.isStored, cached.confirmedAtMonotonic]).toEqual([true, 0]);
    cached.confirmedAtMonotonic = undefined;
    expect([cached.isStored, cached.confirmedAtMonotonic]).toEqual([false, undefined]);
  });

  test('the due and the next check of a cached record may be moved, and nothing else changes', () => {
    const cached = record('wx1');
    cached.dueAt = 80;
    cached.checkAt = 90;
    expect([cached.dueAt, cached.checkAt, cached.storedDueAt, cached.dueAtMonotonic]).toEqual([80, 90, 3, 6]);
  });
});

describe('displaced records', () => {
  let clock: FakeClock;
  let cached: CachedRecord[];
  let left: number;
  let displaced: DisplacedRecords;

  beforeEach(() => {
    clock = new FakeClock();
    cached = [record('wx1'), record('wx2')];
    left = 1;
    const cache = {
      records: () => cached,
      recordsOf: (appid: string) => cached.filter(({ key }) => key.appid === appid),
    } as unknown as RecordCache;
    displaced = new DisplacedRecords(cache, clock, () => left);
  });

  test('every cached record is displaced by a replacement of the store, and is stored no more', async () => {
    expect([displaced.generation, displaced.replacedMsAgo]).toEqual([0, Number.POSITIVE_INFINITY]);
    displaced.addAll();
    await clock.advance(5_000);
    expect([displaced.generation, displaced.replacedMsAgo]).toEqual([1, 5_000]);
    expect(cached.map((one) => [displaced.has(one), one.isStored])).toEqual([
      [true, false],
      [true, false],
    ]);
    expect(displaced.has(record('wx1'))).toBe(false);
  });

  test('displaced records that are of use are listed: all, or those of one app', () => {
    displaced.add(cached[0] as CachedRecord);
    expect([...displaced.ofUse()]).toEqual([cached[0]]);
    expect([[...displaced.ofUse('wx1')].length, [...displaced.ofUse('wx2')].length]).toEqual([1, 0]);
    left = 0;
    expect([...displaced.ofUse()]).toEqual([]);
    (cached[0] as CachedRecord).rotation = { token: 'r' };
    expect([...displaced.ofUse()]).toEqual([cached[0]]);
  });

  test('displaced records are put back for the registration that they belong to', () => {
    const [one, other] = cached as [CachedRecord, CachedRecord];
    displaced.addAll(({ appid }) => (appid === 'wx1' ? { app: 'a', task: 't' } : undefined));
    expect([displaced.marksOf(one), displaced.marksOf(other)]).toEqual([{ app: 'a', task: 't' }, undefined]);
    expect(displaced.isPutBackWith(one, { app: 'a', task: 't' })).toBe(true);
    expect(displaced.isPutBackWith(one, { app: 'b', task: 't' })).toBe(false);
    expect(displaced.isPutBackWith(other, { app: 'a', task: 't' })).toBe(false);
  });
});

test('changes of records are forwarded once there is a listener', () => {
  const changes = new RecordChanges();
  const log: unknown[] = [];
  const key = { appid: 'wx1', type: 'a' };
  changes.changed(key);
  changes.reported(key, 'v');
  changes.listen({ changed: (of) => void log.push(of), reported: (of, value) => void log.push([of, value]) });
  changes.changed(key);
  changes.reported(key, 'v');
  expect(log).toEqual([key, [key, 'v']]);
});
