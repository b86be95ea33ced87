import { expect, test } from 'vitest';
import { tokenKey } from '../../../../src/core/model/token-key.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { RecordIndex } from '../../../../src/core/records/record-index.js';

const record = (appid: string, type: string, subject?: string): CachedRecord =>
  ({ key: tokenKey(appid, type, subject) }) as CachedRecord;

test('a record replaces the one of its key, also the one that was found last', () => {
  const index = new RecordIndex();
  for (const subject of [undefined, 's']) {
    const find = (): unknown => (subject === undefined ? index.plain('a', 't') : index.ofSubject('a', 't', subject));
    expect(find()).toBeUndefined();
    index.set(record('a', 't', subject));
    find();
    const next = record('a', 't', subject);
    index.set(next);
    expect(find()).toBe(next);
    index.delete(next.key);
    expect(find()).toBeUndefined();
    expect([...index.values()]).toEqual([]);
  }
});

test('the record that was found last answers for its own names alone', () => {
  const index = new RecordIndex();
  const [a, b] = [record('a', 't'), record('b', 'u')];
  for (const each of [a, b]) index.set(each);
  expect(['t', 'u', 't', 'x'].map((type) => index.plain('a', type))).toEqual([a, undefined, a, undefined]);
  expect(['a', 'b', 'c'].map((appid) => index.plain(appid, 'u'))).toEqual([undefined, b, undefined]);
});

test('the index yields the records of one app, and of all', () => {
  const index = new RecordIndex();
  const ofA = [record('a', 't'), record('a', 'u'), record('a', 't', 's'), record('a', 'u', '__proto__')];
  const ofB = [record('b', 't'), record('b', 't', 's')];
  for (const each of [...ofA, ...ofB]) index.set(each);
  expect(new Set(index.of('a'))).toEqual(new Set(ofA));
  expect([...index.of('c')]).toEqual([]);
  expect(new Set(index.values())).toEqual(new Set([...ofA, ...ofB]));
  index.clear();
  expect([index.plain('a', 't'), ...index.values()]).toEqual([undefined]);
});
