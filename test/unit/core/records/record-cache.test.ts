import { beforeEach, describe, expect, test } from 'vitest';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { RecordCache, type RecordHolder } from '../../../../src/core/records/record-cache.js';
import { KeyMap } from '../../../../src/core/registry/key-map.js';
import type { RetryState } from '../../../../src/core/store/key-document.js';

const GRANT = { value: 'v', obtainedAt: 1, expiresAt: 3, dueAt: 2 };

let tasks: KeyMap<RecordHolder>;
let cache: RecordCache;

beforeEach(() => {
  tasks = new KeyMap();
  cache = new RecordCache(3, (of) => tasks.get(of) !== undefined, {
    of: (of) => tasks.get(of),
    find: (appid, type, subject) => tasks.find(appid, type, subject),
    all: () => tasks.values(),
    ofApp: (appid) => tasks.of(appid),
  });
});

function key(appid: string, type = 't', subject?: string): TokenKey {
  return subject === undefined ? { appid, type } : { appid, type, subject };
}

function addTask(...keys: TokenKey[]): void {
  for (const of of keys) tasks.set(of, { key: of, record: undefined });
}

function cached(of: TokenKey): CachedRecord {
  const record = new CachedRecord({
    key: of,
    grant: GRANT,
    version: 1,
    rotation: undefined,
    revokedAt: undefined,
    endsAtMonotonic: 9,
    dueAtMonotonic: 8,
    confirmedAtMonotonic: 0,
    dueAt: 2,
    isFromTheFuture: false,
  });
  record.checkAt = 5;
  return record;
}

function put(of: TokenKey): CachedRecord {
  const record = cached(of);
  cache.set(record);
  return record;
}

const held = (): string[] => [...cache.records()].map(({ key: of }) => keyId(of)).sort();

describe('RecordCache', () => {
  test.each([key('a'), key('a', 't', 's'), key('__proto__', 'constructor'), key('__proto__', '__proto__', 'toString')])(
    'RecordCache finds the record of exactly its key, with a task and without: %j',
    (of) => {
      expect(cache.get(of)).toBeUndefined();
      const without = put(of);
      expect(cache.get(of)).toBe(without);
      addTask(of);
      const withTask = put(of);
      expect(cache.get(of)).toBe(withTask);
      expect(held()).toEqual([keyId(of)]);
      for (const other of [key('b'), key('a', 'u'), key('a', 't', 'other')]) expect(cache.get(other)).toBeUndefined();
      cache.delete(of);
      expect([cache.get(of), held()]).toEqual([undefined, []]);
    },
  );

  test('RecordCache finds each record by the names of its key, with a task and without', () => {
    addTask(key('a'), key('a', 't', 's'));
    const records = [key('a'), key('a', 't', 's'), key('b'), key('b', 't', 's')].map(put);
    const found = ['a', 'b'].flatMap((appid) => [
      cache.find(appid, 't', undefined),
      cache.find(appid, 't', ['', 's'].join('')),
    ]);
    expect(found).toEqual(records);
    for (const [appid, type, subject] of [
      ['a', 's'],
      ['b', 't', 'a'],
      ['constructor', 't'],
      ['a', '__proto__', 's'],
    ]) {
      expect(cache.find(appid as string, type as string, subject)).toBeUndefined();
    }
  });

  test('RecordCache yields the records of one app, with tasks and without, each once', () => {
    addTask(key('a'), key('a', 't', 's'), key('b', 't', 's'), key('c'));
    const ofA = [key('a'), key('a', 't', 's'), key('a', 'u'), key('a', 'u', 's')].map(put);
    const ofB = [put(key('b', 't', 's'))];
    const found = ['a', 'b', 'c', 'd'].map((appid) => [...cache.recordsOf(appid)]);
    expect([found.map((of) => of.length), new Set(found[0]), found[1]]).toEqual([[4, 1, 0, 0], new Set(ofA), ofB]);
  });

  test('a record with a task is not evicted until its task is removed', () => {
    const record = put(key('a', 't', 's'));
    addTask(key('a', 't', 's'));
    cache.set(record);
    for (const appid of ['b', 'c', 'd']) put(key(appid));
    expect(held()).toEqual(['a/t/s', 'b/t', 'c/t', 'd/t']);
    tasks.delete(key('a', 't', 's'));
    cache.set(record);
    expect([cache.find('a', 't', 's'), held()]).toEqual([record, ['a/t/s', 'c/t', 'd/t']]);
  });

  test('only records without a task are evicted, the least recently used first', () => {
    for (const appid of ['t1', 't2', 't3', 't4']) {
      addTask(key(appid), key(appid, 't', 's'));
      put(key(appid));
      put(key(appid, 't', 's'));
    }
    const [first] = ['a', 'b', 'c'].map((appid) => put(key(appid)));
    cache.renew(first as CachedRecord);
    put(key('d'));
    expect(held().filter((id) => !id.startsWith('t'))).toEqual(['a/t', 'c/t', 'd/t']);
    expect(held().filter((id) => id.startsWith('t'))).toHaveLength(8);
  });

  test('a lookup alone does not keep a record from being evicted', () => {
    for (const appid of ['a', 'b', 'c']) put(key(appid));
    for (let lookup = 0; lookup < 3; lookup++) {
      cache.get(key('a'));
      cache.find('a', 't', undefined);
      expect([...cache.records()]).toHaveLength(3);
    }
    put(key('d'));
    expect(held()).toEqual(['b/t', 'c/t', 'd/t']);
  });

  test('renewing a record that is not cached has no effect', () => {
    const gone = put(key('a'));
    cache.delete(key('a'));
    cache.renew(gone);
    expect([cache.get(key('a')), held()]).toEqual([undefined, []]);
  });

  test('deleting an app keeps the records of others, and those of its own that tasks hold', () => {
    addTask(key('a', 't', 'task'));
    for (const of of [key('a'), key('a', 'u', 's'), key('a', 't', 'task'), key('b')]) put(of);
    cache.deleteApp('a');
    cache.deleteApp('unknown');
    expect(held()).toEqual(['a/t/task', 'b/t']);
    for (const appid of ['c', 'd', 'e']) put(key(appid));
    expect(held()).toEqual(['a/t/task', 'c/t', 'd/t', 'e/t']);
  });

  test('deleting a record keeps the others of the app', () => {
    addTask(key('a'), key('a', 'u'), key('a', 't', 's'));
    for (const of of [key('a'), key('a', 'u'), key('a', 't', 's')]) put(of);
    cache.delete(key('a'));
    expect(held()).toEqual(['a/t/s', 'a/u']);
    cache.delete(key('a', 't', 's'));
    cache.delete(key('unknown'));
    expect(held()).toEqual(['a/u']);
  });

  test('distrust causes every record to be checked', () => {
    addTask(key('a'), key('a', 't', 's'));
    const records = [put(key('a')), put(key('a', 't', 's')), put(key('b'))];
    cache.invalidateAll();
    expect(records.map(({ checkAt }) => checkAt)).toEqual(Array(3).fill(Number.NEGATIVE_INFINITY));
  });

  test('RecordCache remembers a failure of each key until it is cleared', () => {
    const failure = { trying: { attempts: 1 } as RetryState, local: true, version: 1 };
    cache.setFailure(key('a'), failure);
    expect([cache.failure(key('a')), cache.failure(key('a', 't', 's'))]).toEqual([failure, undefined]);
    cache.clearFailure(key('a', 't', 's'));
    expect(cache.failure(key('a'))).toBe(failure);
    cache.clearFailure(key('a'));
    expect(cache.failure(key('a'))).toBeUndefined();
  });

  test('close forgets everything and remembers nothing more', () => {
    addTask(key('a'), key('a', 't', 's'));
    const keys = [key('a'), key('a', 't', 's'), key('b'), key('b', 't', 's')];
    for (const of of keys) put(of);
    cache.setFailure(key('a'), { trying: { attempts: 1 } as RetryState, local: true, version: 1 });
    for (const again of [false, true]) {
      if (again) for (const of of keys) put(of);
      cache.close();
      expect([held(), cache.failure(key('a'))]).toEqual([[], undefined]);
      for (const { appid, type, subject } of keys) expect(cache.find(appid, type, subject)).toBeUndefined();
    }
  });
});

describe('RecordCache: a fleet that shares more than one process can hold', () => {
  beforeEach(() => {
    cache = new RecordCache(3, (of) => tasks.get(of) !== undefined);
  });

  test('records of keys with a task are bounded too, with a subject and without', () => {
    for (const subject of [undefined, 's']) {
      for (const appid of ['a', 'b', 'c', 'd', 'e']) {
        addTask(key(appid, 't', subject));
        put(key(appid, 't', subject));
      }
    }
    expect(held()).toEqual(['c/t/s', 'd/t/s', 'e/t/s']);
    for (const appid of ['a', 'b', 'c', 'd', 'e']) expect(cache.find(appid, 't', undefined)).toBeUndefined();
    expect(cache.get(key('a', 't', 's'))).toBeUndefined();
  });

  test('a record in use stays, and the one that was put first does not', () => {
    const records = ['a', 'b', 'c'].map((appid) => {
      addTask(key(appid));
      return put(key(appid));
    });
    cache.renew(records[0] as CachedRecord);
    addTask(key('d'));
    put(key('d'));
    expect(held()).toEqual(['a/t', 'c/t', 'd/t']);
    expect(cache.find('b', 't', undefined)).toBeUndefined();
    expect(cache.find('a', 't', undefined)).toBe(records[0]);
  });

  test('distrust reaches each record, and a deleted one is gone from both parts', () => {
    addTask(key('a'));
    const kept = put(key('a'));
    const other = put(key('b'));
    cache.invalidateAll();
    expect([kept.checkAt, other.checkAt]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    cache.delete(key('a'));
    expect([cache.find('a', 't', undefined), cache.get(key('a')), held()]).toEqual([undefined, undefined, ['b/t']]);
  });
});

describe('remembered failures', () => {
  const failure = (version: number) => ({ trying: {} as RetryState, local: true, version });

  test('the remembered failures are listed by the ids of their keys', () => {
    const [one, other] = [key('a'), key('a', 't', 'a/b')];
    cache.setFailure(one, failure(1));
    cache.setFailure(other, failure(2));
    expect(Object.fromEntries(cache.failures())).toEqual({ [keyId(one)]: failure(1), [keyId(other)]: failure(2) });
  });

  test('failures whose versions are forgotten are remembered otherwise', () => {
    cache.setFailure(key('a'), failure(7));
    cache.setFailure(key('b'), { ...failure(8), local: false });
    cache.forgetVersionsOfFailures();
    expect([cache.failure(key('a')), cache.failure(key('b'))]).toEqual([failure(0), { ...failure(0), local: false }]);
  });
});

test('a closed cache holds nothing, and stores nothing more', () => {
  addTask(key('b', 't', 's'));
  for (const of of [key('a'), key('b', 't', 's')]) cache.set(cached(of));
  cache.setFailure(key('a'), { trying: {} as RetryState, local: true, version: 1 });
  cache.close();
  cache.set(cached(key('a')));
  expect([cache.get(key('a')), cache.get(key('b', 't', 's')), cache.failure(key('a'))]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([...cache.records(), ...cache.recordsOf('a')]).toEqual([]);
});
