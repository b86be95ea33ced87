import { beforeEach, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import type { ReadStoredResult } from '../../../../src/core/records/records.js';
import { storedResult } from '../../../../src/core/records/stored-result.js';
import { withoutValue } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { grantNow } from '../../../support/worlds/held-records.js';
import { openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const ANSWER = { access_token: 'a', expires_in: 7_200, scope: 'base' };

let clock: FakeClock;
let memory: MemoryStore;
let closing: Closing;
let read: ReadStoredResult;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  closing = new Closing();
  const storage = openStorage(memory, clock);
  read = storedResult(storage.clock, storage.documents, closing);
});

function store(result?: JsonObject): Promise<number> {
  const grant = { ...grantNow(clock, 'a', {}), ...(result && { result: withoutValue(result, 'a') }) };
  return putContent(memory, ID, { grant });
}

test('the stored answer contains the token and the lifetime that is left of it', async () => {
  const version = await store(ANSWER);
  await clock.advance(200_500);
  expect(await read(KEY, version, ({ expiresAt }) => expiresAt)).toEqual({ ...ANSWER, expires_in: 6_999 });
  expect(await read(KEY, version, () => clock.now() + 5_000)).toEqual({ ...ANSWER, expires_in: 5 });
});

test('there is no stored answer of a record that has been replaced', async () => {
  const version = await store(ANSWER);
  const next = await store({ ...ANSWER, scope: 'another' });
  expect(await read(KEY, version, ({ expiresAt }) => expiresAt)).toBeUndefined();
  expect(await read(KEY, next, ({ expiresAt }) => expiresAt)).toMatchObject({ scope: 'another' });
});

test('there is no stored answer of a record without one, or of a key without a record', async () => {
  expect(await read(KEY, 0, ({ expiresAt }) => expiresAt)).toBeUndefined();
  const version = await store();
  expect(await read(KEY, version, ({ expiresAt }) => expiresAt)).toBeUndefined();
});

test('the stored answer is not read any more once the closing has begun', async () => {
  const version = await store(ANSWER);
  closing.begin();
  await expect(read(KEY, version, ({ expiresAt }) => expiresAt)).rejects.toMatchObject({ code: 'CLOSED' });
});
