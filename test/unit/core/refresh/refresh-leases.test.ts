import { beforeEach, describe, expect, test } from 'vitest';
import { CLAIM_LASTS_MS } from '../../../../src/core/concurrency/time-limits.js';
import { Closing } from '../../../../src/core/model/closing.js';
import type { BuiltInRefresher, RefreshReason } from '../../../../src/core/model/refresher.js';
import type { Lease } from '../../../../src/core/model/store.js';
import { Counter } from '../../../../src/core/primitives/counters.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import type { OpenedClaim } from '../../../../src/core/refresh/claim.js';
import { done, type Outcome } from '../../../../src/core/refresh/outcome.js';
import { RefreshLeases, type TakenLease } from '../../../../src/core/refresh/refresh-leases.js';
import { Flight } from '../../../../src/core/refresh/single-flight.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const STORED = { value: 'stored' } as unknown as CachedRecord;

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let closing: Closing;
let contentions: Counter;
let heard: Outcome | undefined;
let settled: Outcome | undefined;
let refresher: Partial<BuiltInRefresher>;

beforeEach(() => {
  clock = new FakeClock({ random: 0.5 });
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  closing = new Closing();
  contentions = new Counter([{}]);
  heard = undefined;
  settled = undefined;
  refresher = {};
});

function open(fetchesWithoutStore = false): RefreshLeases {
  return new RefreshLeases({
    ...openStorage(faulty, clock),
    answers: { heardOf: () => heard, settledBy: () => settled } as never,
    refresherOf: () => refresher as BuiltInRefresher,
    fetchesWithoutStore,
    leaseContentions: contentions,
    closing,
  });
}

const flight = (reason: RefreshReason = 'due'): Flight<CachedRecord> =>
  new Flight<CachedRecord>(KEY, reason, undefined, () => new Promise(() => {}));

const hold = async (): Promise<Lease> => (await memory.lease(ID, 60_000)) as Lease;
const isLeased = async (): Promise<boolean> => (await memory.lease(ID, 1)) === undefined;
const contended = (): unknown => [...contentions.counts()].map(({ value }) => value);

/** Notes how and when a lease was acquired. */
function follow(acquiring: Promise<TakenLease | Outcome>): {
  taken?: TakenLease | Outcome;
  at?: number;
  error?: unknown;
} {
  const outcome: { taken?: TakenLease | Outcome; at?: number; error?: unknown } = {};
  acquiring.then(
    (taken) => Object.assign(outcome, { taken, at: clock.monotonic() }),
    (error: unknown) => Object.assign(outcome, { error }),
  );
  return outcome;
}

describe('the lease of a refresh', () => {
  test('a lease that no other process holds is acquired at once', async () => {
    const taken = await open().acquire(flight(), 0);
    expect(taken).toMatchObject({ kind: 'lease', lease: { id: ID }, document: undefined });
    expect(await isLeased()).toBe(true);
  });

  test.each<[RefreshReason, number]>([
    ['demand', 110],
    ['due', 1_100],
  ])('a lease that another process holds is requested again by a flight for "%s" after %i ms', async (reason, ms) => {
    const theirs = await hold();
    const outcome = follow(open().acquire(flight(reason), 0));
    await clock.advance(0);
    await theirs.release();
    await clock.advance(ms - 1);
    expect(outcome.taken).toBeUndefined();
    await clock.advance(1);
    expect([outcome.taken?.kind, outcome.at, contended()]).toEqual(['lease', ms, [1]]);
  });

  test.each(['cached', 'stored'])(
    'a record that the holder of the lease has left, as it is %s, ends the request',
    async (how) => {
      await hold();
      const outcome = follow(open().acquire(flight('demand'), 0));
      await clock.advance(0);
      if (how === 'cached') heard = done(STORED);
      else settled = done(STORED);
      await clock.advance(110);
      expect(outcome.taken).toEqual(done(STORED));
      expect(faulty.calls).toEqual(how === 'cached' ? ['lease'] : ['lease', 'get']);
    },
  );

  test('four leases are requested at once', async () => {
    const answers: (() => void)[] = [];
    faulty.before = (method) => (method === 'lease' ? new Promise((resolve) => answers.push(resolve)) : undefined);
    const leases = open();
    for (let index = 0; index < 6; index++) {
      const key = { ...KEY, subject: `${index}` };
      void leases.acquire(new Flight<CachedRecord>(key, 'due', undefined, () => new Promise(() => {})), 0);
    }
    await clock.advance(0);
    expect(answers).toHaveLength(4);
    answers[0]?.();
    await clock.advance(0);
    expect(answers).toHaveLength(5);
  });

  test('no lease is requested once the closing has begun, and a wait for one ends', async () => {
    await hold();
    const waiting = flight();
    const outcome = follow(open().acquire(waiting, 0));
    await clock.advance(0);
    closing.begin();
    waiting.wake();
    await clock.advance(0);
    expect(outcome.error).toMatchObject({ code: 'CLOSED' });
    faulty.calls.length = 0;
    await expect(open().acquire(flight(), 0)).rejects.toMatchObject({ code: 'CLOSED' });
    expect([faulty.calls, clock.pendingTimers]).toEqual([[], 0]);
  });
});

describe('a lease that came with the work', () => {
  function claimed(): { readonly flight: Flight<CachedRecord>; readonly released: () => number } {
    let releases = 0;
    const lease = { id: ID, document: undefined, release: async () => void releases++ };
    const due = flight();
    const at = clock.monotonic();
    due.attachClaim({
      lease,
      askedAtMonotonic: at,
      beginsAtMonotonic: at,
      document: { ...NO_KEY_DOCUMENT, recordVersion: 5 },
    } as OpenedClaim);
    return { flight: due, released: () => releases };
  }

  test.each([
    [CLAIM_LASTS_MS, false],
    [CLAIM_LASTS_MS + 1, true],
  ])('a claim of %i ms ago is given up for a lease of its own: %s', async (ms, isGivenUp) => {
    const { flight: due, released } = claimed();
    await clock.advance(ms);
    const taken = (await open().acquire(due, 0)) as TakenLease;
    expect([taken.document?.recordVersion, released()]).toEqual(isGivenUp ? [undefined, 1] : [5, 0]);
    expect(faulty.calls).toEqual(isGivenUp ? ['lease'] : []);
    expect(due.hasClaim).toBe(false);
  });
});

describe('a store that grants no lease', () => {
  beforeEach(() => {
    faulty.before = () => Promise.reject(new Error('gone'));
  });

  test('a caller without a token goes on without a lease, where that is wanted', async () => {
    const taken = (await open(true).acquire(flight('demand'), 0)) as TakenLease;
    expect([taken.kind, taken.lease.id, taken.lease.document]).toEqual(['lease', ID, undefined]);
    await taken.lease.release();
  });

  test.each<[string, boolean, RefreshReason, Partial<BuiltInRefresher>]>([
    ['where that is not wanted', false, 'demand', {}],
    ['in the background', true, 'due', {}],
    ['after a stale report', true, 'stale', {}],
    ['where the refresh would spend a refresh token', true, 'demand', { spends: 'refresh_token' }],
  ])('no refresh goes on without a lease %s', async (_, fetchesWithoutStore, reason, given) => {
    refresher = given;
    const acquiring = open(fetchesWithoutStore).acquire(flight(reason), 0);
    await expect(acquiring).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  test('a place among the leases is given back when none was granted', async () => {
    const leases = open();
    for (let index = 0; index < 200; index++) await leases.acquire(flight(), 0).catch(() => {});
    faulty.before = () => {};
    expect((await leases.acquire(flight(), 0)).kind).toBe('lease');
  });
});

describe('a due that other processes know of as well', () => {
  /** Returns leases of a process that has just found one contended. */
  async function contendedLeases(): Promise<RefreshLeases> {
    const leases = open();
    const theirs = await hold();
    void leases.acquire(flight('demand'), 0);
    await clock.advance(0);
    await theirs.release();
    await clock.advance(200);
    faulty.calls.length = 0;
    return leases;
  }

  test('a process that has found no lease contended goes on at once', async () => {
    settled = done(STORED);
    expect([await open().leaveToOthers(flight(), 0), faulty.calls]).toEqual([undefined, []]);
  });

  test('a process that has found a lease contended waits for a part of a poll, and finds what others have stored', async () => {
    const leases = await contendedLeases();
    settled = done(STORED);
    const from = clock.monotonic();
    let found: { readonly record: CachedRecord | undefined; readonly afterMs: number } | undefined;
    void leases.leaveToOthers(flight(), 0).then((record) => {
      found = { record, afterMs: clock.monotonic() - from };
    });
    await clock.advance(499);
    expect(found).toBeUndefined();
    await clock.advance(1);
    expect(found).toEqual({ record: STORED, afterMs: 500 });
  });

  test('a reason to start again is no record', async () => {
    const leases = await contendedLeases();
    settled = { kind: 'restart', because: 'coolsDown' };
    const leaving = leases.leaveToOthers(flight(), 0);
    await clock.advance(500);
    expect(await leaving).toBeUndefined();
  });

  test('a flight that a caller waits for, or with a lease, goes on at once, also if that comes during the wait', async () => {
    const leases = await contendedLeases();
    settled = done(STORED);
    expect(await leases.leaveToOthers(flight('demand'), 0)).toBeUndefined();
    const waiting = flight();
    const leaving = leases.leaveToOthers(waiting, 0);
    waiting.urgent = true;
    waiting.wake();
    expect([await leaving, faulty.calls]).toEqual([undefined, []]);
  });

  test('a process goes on at once a minute after it has found a lease contended', async () => {
    const leases = await contendedLeases();
    settled = done(STORED);
    await clock.advance(60_000);
    expect(await leases.leaveToOthers(flight(), 0)).toBeUndefined();
  });
});
