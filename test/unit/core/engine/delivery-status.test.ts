import { beforeEach, expect, test } from 'vitest';
import { deliveryStatus } from '../../../../src/core/engine/delivery-status.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { deliveredGrant, targetOf } from '../../../../src/core/store/delivery-document.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import type { KeyDocument } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow } from '../../../support/worlds/held-records.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const NOTIFY = 'https://example.com/notify';
const ID = 'delivery/wx1/access_token';
const ERROR = { code: 'CALLBACK_FAILED', message: 'the target answered with 500', retryable: true };

let clock: FakeClock;
let faulty: FaultyStore;
let storage: OpenedStorage;
let document: KeyDocument;

beforeEach(() => {
  clock = new FakeClock();
  faulty = new FaultyStore(new MemoryStore({ clock }));
  storage = openStorage(faulty, clock);
  document = { version: 7, recordVersion: 7, unknown: {}, grant: grantNow(clock, 'v', {}) };
});

const sealed = (content: JsonObject) => ({ id: ID, version: 1, data: seal(ID, content) });

function delivered(recordVersion = 7, notify = NOTIFY): JsonObject {
  const delivery = { recordVersion, at: clock.now() - 5, target: targetOf(notify) };
  return { ...deliveredGrant(document.grant as never, delivery) };
}

function failing(notify = NOTIFY): JsonObject {
  const at = clock.now();
  const attempts = { attempts: 3, since: at - 100, failedAt: at, retryAt: at + 60_000 };
  return { recordVersion: 7, target: targetOf(notify), ...attempts, error: { ...ERROR } };
}

const statusOf = (content: JsonObject | undefined, notify: string | undefined = NOTIFY) =>
  deliveryStatus(notify, content && sealed(content), document, storage);

test('a task without a target has no status of deliveries', async () => {
  expect(await deliveryStatus(undefined, sealed({ delivered: delivered() }), document, storage)).toBeUndefined();
});

test('a target that has the current token has it since it accepted it', async () => {
  expect(await statusOf({ delivered: delivered() })).toEqual({
    state: 'delivered',
    version: 7,
    deliveredAt: clock.now() - 5,
    attempts: 0,
    lastError: undefined,
    retryAt: undefined,
  });
});

test('a target that has never had a token is owed the current one, and waits where there is none', async () => {
  const nothing = { version: undefined, deliveredAt: undefined, attempts: 0, lastError: undefined, retryAt: undefined };
  expect(await statusOf(undefined)).toEqual({ state: 'owed', ...nothing });
  document = { version: 7, recordVersion: 7, unknown: {} };
  expect(await statusOf(undefined)).toEqual({ state: 'waiting', ...nothing });
});

test('a target that has an earlier token is owed the current one', async () => {
  const earlier = { ...delivered(6), token: 'another' };
  expect(await statusOf({ delivered: earlier })).toMatchObject({ state: 'owed', version: 6 });
});

test('a target whose delivery has failed shows the error and the next attempt', async () => {
  expect(await statusOf({ delivered: delivered(6), failing: failing() })).toEqual({
    state: 'failed',
    version: 6,
    deliveredAt: clock.now() - 5,
    attempts: 3,
    lastError: ERROR.message,
    retryAt: clock.now() + 60_000,
  });
});

test('what another target has accepted or refused does not count', async () => {
  const other = 'https://example.com/other';
  const status = await statusOf({ delivered: delivered(7, other), failing: failing(other) });
  expect(status).toMatchObject({ state: 'owed', version: undefined, attempts: 0, lastError: undefined });
});

test('an unreadable document of a delivery fails its own task alone', async () => {
  const unreadable = { id: ID, version: 1, data: { ...seal(ID, {}), format: 2 } };
  const status = await deliveryStatus(NOTIFY, unreadable, document, storage);
  expect(status).toMatchObject({ state: 'failed', version: undefined, attempts: 0, retryAt: undefined });
  expect(status?.lastError).toEqual(expect.any(String));
});

test('a store that fails to read fails the status', async () => {
  faulty.before = () => Promise.reject(new Error('gone'));
  await storage.store.get([ID]).catch(() => {});
  const unreadable = { id: ID, version: 1, data: { ...seal(ID, {}), format: 2 } };
  await expect(deliveryStatus(NOTIFY, unreadable, document, storage)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
});
