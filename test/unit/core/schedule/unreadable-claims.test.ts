import { beforeEach, expect, test } from 'vitest';
import type { Lease } from '../../../../src/core/model/store.js';
import { UnreadableClaims } from '../../../../src/core/schedule/unreadable-claims.js';
import type { StoreClock } from '../../../../src/core/store/store-clock.js';
import type { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { FakeClock } from '../../../../src/testing/index.js';

const LEASE_MS = 20_000;

let clock: FakeClock;
let released: string[];
let failing: boolean;
let claims: UnreadableClaims;

beforeEach(() => {
  clock = new FakeClock();
  released = [];
  failing = false;
  const store = {
    get failing() {
      return failing;
    },
    release: async ({ id }: Lease) => void released.push(`${id} at ${clock.monotonic()}`),
  } as unknown as SupervisedStore;
  const storeClock = Object.assign(Object.create(clock) as FakeClock, {
    pollIntervalMs: 1_000,
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimer: (callback: () => void, delayMs: number) => clock.setTimer(callback, delayMs),
  });
  claims = new UnreadableClaims(store, storeClock as unknown as StoreClock);
});

function lease(overdueMs: number | undefined): Lease {
  const due = overdueMs === undefined ? undefined : { lane: 'a', at: clock.now() - overdueMs };
  return { id: 'key/wx1/a', document: { id: 'key/wx1/a', version: 1, data: {}, due } } as unknown as Lease;
}

test.each([
  [0, 1_000],
  [15_000, 1_000],
  [30_000, 2_000],
  [30_001, 2_001],
  [-20_000, 1_000],
  [299_984, 19_999],
])('a claim that cannot be read, overdue by %i ms, is released after %i ms', async (overdueMs, pauseMs) => {
  claims.leave(lease(overdueMs));
  await clock.advance(pauseMs - 1);
  expect(released).toEqual([]);
  await clock.advance(1);
  expect(released).toEqual([`key/wx1/a at ${pauseMs}`]);
});

test.each([300_000, 1_000_000, -20_001, undefined])(
  'a claim that cannot be read, overdue by %s ms, is kept until its lease expires',
  async (overdueMs) => {
    claims.leave(lease(overdueMs));
    await clock.advance(LEASE_MS * 10);
    await claims.stop();
    expect(released).toEqual([]);
  },
);

test('a claim that cannot be read is kept while the store fails', async () => {
  failing = true;
  claims.leave(lease(0));
  await clock.advance(LEASE_MS);
  expect([released, clock.pendingTimers]).toEqual([[], 0]);
});

test('claims that cannot be read are released at once by a stop, which waits for that', async () => {
  claims.leave(lease(0));
  claims.leave(lease(60_000));
  await claims.stop();
  expect(released).toEqual(['key/wx1/a at 0', 'key/wx1/a at 0']);
  expect(clock.pendingTimers).toBe(0);
});
