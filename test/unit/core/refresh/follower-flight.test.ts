import { beforeEach, describe, expect, test } from 'vitest';
import { HeldRecords } from '../../../../src/core/engine/held-records.js';
import { Closing } from '../../../../src/core/model/closing.js';
import type { RefreshReason } from '../../../../src/core/model/refresher.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { RecordReader } from '../../../../src/core/records/record-reader.js';
import { FollowerFlight } from '../../../../src/core/refresh/follower-flight.js';
import { Flight } from '../../../../src/core/refresh/single-flight.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { StoreHistory } from '../../../../src/core/store/store-history.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { putContent } from '../../../support/stores/put-content.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { grantNow, type HeldRecordsWorld, holdRecords } from '../../../support/worlds/held-records.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const TASK = 'task/wx1/access_token';
const MINUTE_MS = 60_000;

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let world: HeldRecordsWorld;
let closing: Closing;
let follower: FollowerFlight;

beforeEach(async () => {
  clock = new FakeClock({ random: 0.5 });
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  world = holdRecords(faulty, clock);
  closing = new Closing();
  const history = new StoreHistory({ store: world.store, clock, newId: () => 'id' });
  const changes = { reported() {}, changed() {} };
  const restorer = new HeldRecords({ ...world, history, changes });
  const recordReader = new RecordReader({ ...world, restorer, changes, closing });
  follower = new FollowerFlight({ ...world, recordReader, closing });
  for (const id of ['app/wx1', TASK]) await memory.set(id, seal(id, {}), 0);
});

const store = (value: string, more: JsonObject = {}): Promise<number> =>
  putContent(memory, ID, { grant: { ...grantNow(clock, value, {}) }, ...more });

const stored = async () => (await memory.get([ID]))[0];
const report = async (): Promise<unknown> => unseal((await stored()) as never)['report'];

function fly(reason: RefreshReason, stale?: string): Flight<CachedRecord> {
  return new Flight<CachedRecord>(KEY, reason, stale, (flight) => follower.run(flight));
}

/** Returns the error of a flight, after as long as a report is waited for. */
async function failure(flight: Flight<CachedRecord>): Promise<Error> {
  const failed = flight.promise.then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  );
  await clock.advance(MINUTE_MS + 1_000);
  return failed;
}

describe('a process that leaves refreshing to others', () => {
  test('the record that others have stored is returned', async () => {
    await store('a');
    expect((await fly('demand').promise).value).toBe('a');
  });

  test('a record that has expired, or none at all, is an error that says who refreshes', async () => {
    const missing = await failure(fly('demand'));
    expect(missing).toMatchObject({ code: 'REFRESH_DISABLED', retryable: true, ...KEY });
    expect(missing.message).toContain("(refresh: 'never'), and the store has no unexpired access_token");
    await store('a', { grant: { ...grantNow(clock, 'a', { expiresAt: clock.now() }) } });
    expect(await failure(fly('demand'))).toMatchObject({ code: 'REFRESH_DISABLED' });
  });

  test('a refresh cannot be forced', async () => {
    await store('a');
    const error = await failure(fly('forced'));
    expect(error).toMatchObject({ code: 'REFRESH_DISABLED', retryable: true, ...KEY });
    expect(error.message).toContain('so that it cannot force a refresh');
  });

  test('nothing is read once the closing has begun', async () => {
    closing.begin();
    expect(await failure(fly('demand'))).toMatchObject({ code: 'CLOSED' });
    expect(faulty.calls).toEqual([]);
  });
});

describe('a stale report to the processes that refresh', () => {
  test('a report is stored with the hash of the value, makes the key due, and waits for another value', async () => {
    await store('a');
    const flight = fly('stale', 'a');
    await clock.advance(0);
    expect(await report()).toEqual({ value: secretHash('a'), at: clock.now() });
    expect((await stored())?.due).toEqual({ lane: 'access_token', at: clock.now() });
    await clock.advance(10_000);
    await store('b');
    await clock.advance(400);
    expect((await flight.promise).value).toBe('b');
    expect(world.records.cache.get(KEY)?.value).toBe('b');
  });

  test('the document is read about every 400 ms while a report is waited for', async () => {
    await store('a');
    void fly('stale', 'a');
    await clock.advance(0);
    faulty.calls.length = 0;
    await clock.advance(4_000);
    expect(faulty.calls).toEqual(Array.from({ length: 10 }, () => 'get'));
  });

  test('a value that others have replaced already is not reported', async () => {
    await store('b');
    expect((await fly('stale', 'a').promise).value).toBe('b');
    expect(await report()).toBeUndefined();
  });

  test('a report that others have made already is not repeated', async () => {
    const version = await store('a', { report: { value: secretHash('a'), at: 5 } });
    const flight = fly('stale', 'a');
    await clock.advance(1_000);
    expect([(await stored())?.version, await report()]).toEqual([version, { value: secretHash('a'), at: 5 }]);
    await store('b');
    await clock.advance(400);
    expect((await flight.promise).value).toBe('b');
  });

  test('the same value is returned if others refuse the report', async () => {
    await store('a');
    const flight = fly('stale', 'a');
    await clock.advance(1_000);
    await store('a');
    await clock.advance(400);
    expect((await flight.promise).value).toBe('a');
  });

  test('a replacement that has expired is not returned', async () => {
    await store('a');
    const flight = fly('stale', 'a');
    await clock.advance(1_000);
    await store('b', { grant: { ...grantNow(clock, 'b', { expiresAt: clock.now() }) } });
    const error = await failure(flight);
    expect(error).toMatchObject({ code: 'REFRESH_DISABLED', retryable: true });
    expect(error.message).toContain('no other process has replaced the token that was reported');
  });

  test('a replacement is waited for for a minute, and no longer', async () => {
    await store('a');
    const flight = fly('stale', 'a');
    let failedAt: number | undefined;
    const failed = flight.promise.catch(() => {
      failedAt = clock.monotonic();
    });
    await clock.advance(MINUTE_MS - 1);
    expect(failedAt).toBeUndefined();
    await clock.advance(400);
    await failed;
    expect(failedAt).toBe(MINUTE_MS);
  });

  test('a report of a key without a task is refused, after its task was looked for in the store', async () => {
    await store('a');
    await memory.delete(TASK, (await memory.get([TASK]))[0]?.version as number);
    const error = await failure(fly('stale', 'a'));
    expect(error.message).toContain('other processes refresh a reported token only if it has a task');
    expect(await report()).toBeUndefined();
  });

  test('a report of a key without a token is refused', async () => {
    expect((await failure(fly('stale', 'a'))).message).toContain('and the store has no access_token');
    expect(await stored()).toBeUndefined();
  });

  test('a report respects the cool-down after a failure', async () => {
    const error = { code: 'UPSTREAM_UNAVAILABLE', message: 'busy', retryable: true };
    const retryAt = clock.now() + 30_000;
    const trying = { attempts: 1, failedAt: clock.now(), retryAt, registration: '', backingOff: true, error };
    await store('a', { trying });
    void fly('stale', 'a');
    await clock.advance(0);
    expect((await stored())?.due?.at).toBe(retryAt);
  });

  test('a report that loses to other writers is made again, and given up after five times', async () => {
    await store('a');
    let losses = 1;
    let changes = 0;
    faulty.before = async (method) => {
      if (method === 'set' && losses-- > 0) await store('a', { chain: [`${++changes}`] });
    };
    void fly('stale', 'a');
    await clock.advance(0);
    expect([changes, await report()]).toMatchObject([1, { value: secretHash('a') }]);
    await store('a');
    losses = 100;
    changes = 0;
    expect(await failure(fly('stale', 'a'))).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(changes).toBe(5);
  });

  test('the wait for a replacement is ended by the closing', async () => {
    await store('a');
    const flight = fly('stale', 'a');
    await clock.advance(1_000);
    closing.begin();
    flight.wake();
    await expect(flight.promise).rejects.toMatchObject({ code: 'CLOSED' });
    expect(clock.pendingTimers).toBe(0);
  });
});
