import { beforeEach, describe, expect, test } from 'vitest';
import { Closing } from '../../../../src/core/model/closing.js';
import {
  acquireLease,
  LeaseTimeUp,
  RegistrationLease,
  RegistrationLeases,
  StoreReplaced,
} from '../../../../src/core/registry/registration-lease.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { openStorage } from '../../../support/worlds/storage.js';

const APP = 'app/wx1';
const LEASE_MS = 20_000;

let clock: FakeClock;
let memory: MemoryStore;
let faulty: FaultyStore;
let store: SupervisedStore;
let closing: Closing;
let leases: RegistrationLeases;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  faulty = new FaultyStore(memory);
  store = openStorage(faulty, clock).store;
  closing = new Closing();
  leases = new RegistrationLeases(store, clock, closing);
});

async function isLeased(): Promise<boolean> {
  const lease = await memory.lease(APP, LEASE_MS);
  await lease?.release();
  return lease === undefined;
}

/** Returns the error of a registration to which the store grants no lease for this reason. */
async function refusal(cause: unknown): Promise<object> {
  faulty.before = () => Promise.reject(cause);
  return leases.hold('wx1', async () => ({})).catch((error: object) => error);
}

describe('the time of a lease', () => {
  test.each([
    [7_999, true, true],
    [8_000, false, true],
    [8_001, false, true],
    [15_999, false, true],
    [16_000, false, false],
    [16_001, false, false],
  ])(
    '%i ms after its lease was requested, a registration has time for more: %s, and may send: %s',
    async (ms, has, may) => {
      const lease = new RegistrationLease('wx1', clock, clock.monotonic());
      await clock.advance(ms);
      expect([lease.hasTime, lease.isHeld]).toEqual([has, may]);
      if (has) expect(() => lease.assertTime()).not.toThrow();
      else expect(() => lease.assertTime()).toThrow(LeaseTimeUp);
      if (may) expect(() => lease.assertHeld()).not.toThrow();
      else expect(() => lease.assertHeld()).toThrow(LeaseTimeUp);
    },
  );

  test('a lease has ended after 20 s', async () => {
    const lease = new RegistrationLease('wx1', clock, clock.monotonic());
    await clock.advance(LEASE_MS);
    expect(() => lease.assertNotEnded()).toThrow(LeaseTimeUp);
  });

  test.each([
    ['is too slow', () => new LeaseTimeUp('wx1')],
    ['was replaced', () => new StoreReplaced('wx1')],
  ])('the error of a store that %s says so, names the app, and asks for another try', (words, create) => {
    const error = create();
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', appid: 'wx1', retryable: true });
    expect(error.message).toContain(words);
    expect(error.message).toContain('registration of wx1');
  });
});

describe('work under a lease', () => {
  test.each(['succeeds', 'fails'])('the lease is held during the work, and released when that %s', async (end) => {
    let wasLeased = false;
    const work = async (lease: RegistrationLease): Promise<string> => {
      wasLeased = await isLeased();
      if (end === 'fails') throw new Error('full');
      return lease.appid;
    };
    const outcome = await leases.hold('wx1', work).catch((error: Error) => error.message);
    expect([outcome, wasLeased, await isLeased()]).toEqual([end === 'fails' ? 'full' : 'wx1', true, false]);
  });

  test('no work begins once the closing has begun, and the lease is released', async () => {
    faulty.before = (method) => {
      if (method === 'lease') closing.begin();
    };
    let begun = 0;
    const work = async (): Promise<number> => ++begun;
    await expect(leases.hold('wx1', work)).rejects.toMatchObject({ code: 'CLOSED' });
    expect([begun, await isLeased()]).toEqual([0, false]);
  });

  test('the time of a lease counts from the request for it', async () => {
    faulty.before = async (method) => {
      if (method === 'lease') await clock.advance(1_500);
    };
    await leases.hold('wx1', async (lease) => {
      await clock.advance(6_499);
      expect(lease.hasTime).toBe(true);
      await clock.advance(1);
      expect(lease.hasTime).toBe(false);
    });
  });

  test('the error of a store that grants no lease for now is known as a refusal, that of the work is not', async () => {
    expect(leases.isRefusal(await refusal(new Error('full')))).toBe(true);
    faulty.before = () => {};
    const error = new LeaseTimeUp('wx1');
    await expect(leases.hold('wx1', () => Promise.reject(error))).rejects.toBe(error);
    expect(leases.isRefusal(error)).toBe(false);
  });

  test.each(['EACCES', 'EPERM', 'NOPERM', 'ACCESS_DENIED'])(
    'a store that grants no lease because the process has no right to write (%s) does not refuse it for now alone',
    async (code) => {
      expect(leases.isRefusal(await refusal(Object.assign(new Error('no'), { code })))).toBe(false);
    },
  );

  test('a store that grants no lease because its disk is full refuses it for now', async () => {
    expect(leases.isRefusal(await refusal(Object.assign(new Error('no'), { code: 'ENOSPC' })))).toBe(true);
  });

  test('a pause between two leases is ended by the closing', async () => {
    const outcomes: string[] = [];
    const pausing = leases.pause(1_000).then(
      () => outcomes.push('over'),
      (error: { code: string }) => outcomes.push(error.code),
    );
    await clock.advance(999);
    closing.begin();
    await pausing;
    expect([outcomes, clock.pendingTimers]).toEqual([['CLOSED'], 0]);
  });
});

describe('a lease that another process holds', () => {
  const acquire = () => acquireLease({ store, clock, closing }, APP, 'the registration of wx1', 'wx1');

  test('a lease is acquired soon after another process has released it', async () => {
    const theirs = await memory.lease(APP, LEASE_MS);
    let askedAt: number | undefined;
    const acquiring = acquire().then(({ askedAtMonotonic }) => {
      askedAt = askedAtMonotonic;
    });
    await clock.advance(5_000);
    expect(askedAt).toBeUndefined();
    await theirs?.release();
    await clock.advance(100);
    await acquiring;
    expect(askedAt).toBeGreaterThan(5_000);
    expect(askedAt).toBeLessThanOrEqual(5_100);
  });

  test('a lease is requested for as long as one lasts and a command takes, and no longer', async () => {
    Reflect.set(faulty, 'lease', async () => undefined);
    let failedAt: number | undefined;
    let error: unknown;
    const acquiring = acquire().catch((reason: unknown) => {
      error = reason;
      failedAt = clock.monotonic();
    });
    await clock.advance(22_000 - 1);
    expect(failedAt).toBeUndefined();
    await clock.advance(101);
    await acquiring;
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', appid: 'wx1' });
    expect((error as Error).message).toContain('the registration of wx1');
    expect(failedAt).toBeGreaterThanOrEqual(22_000);
  });

  test('the wait for a lease is ended by the closing', async () => {
    await memory.lease(APP, LEASE_MS);
    const acquiring = acquire().catch((error: { code: string }) => error.code);
    await clock.advance(1_000);
    closing.begin();
    expect([await acquiring, clock.pendingTimers]).toEqual(['CLOSED', 0]);
  });
});
