import { beforeEach, describe, expect, test } from 'vitest';
import { ColdReads } from '../../../../src/core/engine/cold-reads.js';
import { TokenError } from '../../../../src/core/model/errors.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const AWAY = new TokenError('STORE_UNAVAILABLE', 'away');

let isCached: boolean;
let record: object | undefined;
let task: object | undefined;
let calls: string[];
let failure: Error | undefined;

beforeEach(() => {
  isCached = false;
  record = undefined;
  task = undefined;
  calls = [];
  failure = undefined;
});

function reads(fetchesWithoutStore = false): ColdReads {
  const answer = async (name: string): Promise<string> => {
    calls.push(name);
    if (failure !== undefined) throw failure;
    return name;
  };
  const state = { registry: { isCached: () => isCached, task: () => task }, records: { cache: { get: () => record } } };
  const reader = { read: () => answer('record'), readWithRegistration: () => answer('both') };
  return new ColdReads(state as never, reader as never, fetchesWithoutStore);
}

describe('the record of a key of which nothing is cached', () => {
  test('it is read together with the registration', async () => {
    expect(await reads().withRegistration(KEY)).toBe('both');
  });

  test('it is not read where the registration or a record is cached', () => {
    isCached = true;
    expect(reads().withRegistration(KEY)).toBeUndefined();
    isCached = false;
    record = {};
    expect(reads().withRegistration(KEY)).toBeUndefined();
    expect(calls).toEqual([]);
  });

  test('a failure is not left unhandled before it is awaited', async () => {
    failure = AWAY;
    const reading = reads().withRegistration(KEY);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(reading).rejects.toBe(AWAY);
  });
});

test('the record of a key is read alone if its task is cached, and otherwise with its registration', async () => {
  expect(await reads().record(KEY)).toBe('both');
  task = {};
  expect(await reads().record(KEY)).toBe('record');
});

describe('a store that cannot be read', () => {
  test('it fails the look-up, unless the refresh may do without it', async () => {
    failure = AWAY;
    await expect(reads(false).record(KEY)).rejects.toBe(AWAY);
    expect(await reads(true).record(KEY)).toBeUndefined();
    expect(await reads(true).withRegistration(KEY)).toBeUndefined();
  });

  test('any other error fails the look-up', async () => {
    failure = new TypeError('no');
    await expect(reads(true).record(KEY)).rejects.toBe(failure);
  });
});
