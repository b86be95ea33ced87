import { beforeEach, describe, expect, test } from 'vitest';
import { KnownKeys } from '../../../../src/core/engine/known-keys.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow } from '../../../support/worlds/held-records.js';
import { openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'user', subject: 'a' };
const APP = 'app/wx1';
const TASK = 'task/wx1/user/a';
const RECORD = 'key/wx1/user/a';

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let known: KnownKeys;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  known = new KnownKeys({ ...openStorage(faulty, clock), retryStates: { counting: (_key, stored) => stored } });
});

/** Returns what is known of the key once its documents have been read. */
async function read() {
  expect(known.of(KEY)).toBeUndefined();
  expect(await known.readWanted()).toBe(true);
  return known.of(KEY);
}

describe('what is known of a key', () => {
  test('nothing is stored of a key that does not exist', async () => {
    expect(await read()).toEqual({
      isRegistered: false,
      task: undefined,
      value: undefined,
      rotation: undefined,
      failure: undefined,
    });
  });

  test('its app, its task, its token, its refresh token and its failure are read in one round trip', async () => {
    const error = { code: 'UPSTREAM_REJECTED', message: 'no' };
    const trying = { attempts: 1, failedAt: 1, retryAt: 2, registration: '', backingOff: false, error };
    await putContent(memory, APP, {});
    await putContent(memory, TASK, { params: { code: 'c' } });
    const rotation = { token: 'refresh', known: [] };
    await putContent(memory, RECORD, { grant: { ...grantNow(clock, 'v', {}) }, rotation, trying });
    faulty.calls.length = 0;
    expect(await read()).toMatchObject({
      isRegistered: true,
      task: { key: KEY, params: { code: 'c' } },
      value: 'v',
      rotation: { token: 'refresh' },
      failure: error,
    });
    expect(faulty.calls).toEqual(['get']);
  });

  test('a token counts until it expires', async () => {
    await putContent(memory, RECORD, { grant: { ...grantNow(clock, 'v', {}) } });
    expect((await read())?.value).toBe('v');
    await clock.advance(7_199_999);
    expect(known.of(KEY)?.value).toBe('v');
    await clock.advance(1);
    expect(known.of(KEY)?.value).toBeUndefined();
  });

  test('documents are read once, and nothing is read where nothing is wanted', async () => {
    expect(await known.readWanted()).toBe(false);
    await read();
    expect([await known.readWanted(), faulty.calls]).toEqual([false, ['get']]);
    known.of({ ...KEY, subject: 'b' });
    await known.readWanted();
    expect(known.of({ ...KEY, subject: 'b' })?.isRegistered).toBe(false);
  });

  test('a key that was added has its app read alone', async () => {
    await putContent(memory, APP, {});
    known.add(KEY, undefined, { ...NO_KEY_DOCUMENT, grant: grantNow(clock, 'added', {}) });
    const ids: unknown[] = [];
    faulty.before = (_method, id) => void ids.push(id);
    expect(await read()).toMatchObject({ isRegistered: true, value: 'added' });
    expect(ids).toEqual([APP]);
  });
});

describe('a document that cannot be read', () => {
  test.each([RECORD, TASK])('the document %s of a newer release is a failure of its key alone', async (id) => {
    await memory.set(id, { ...seal(id, {}), format: 2 }, 0);
    const state = await read();
    expect(state?.value).toBeUndefined();
    if (id === RECORD) expect(state?.failure).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    else expect(state?.task).toBeUndefined();
  });

  test('a store that does not answer fails the reading', async () => {
    faulty.before = () => Promise.reject(new Error('gone'));
    known.of(KEY);
    await expect(known.readWanted()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
