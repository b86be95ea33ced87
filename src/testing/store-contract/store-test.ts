import assert from 'node:assert/strict';
import type { Lease, TokenStore } from '../../core/model/store.js';

/** Defines one test of the contract. */
export type StoreTest = (name: string, body: (context: StoreTestContext) => Promise<void>) => void;

export interface StoreTestContext {
  readonly store: TokenStore;
  /** Opens another store object on the same storage. */
  another(): Promise<TokenStore>;
  /** Advances the store's clock, if the tests can do that. */
  readonly advance: ((ms: number) => Promise<void>) | undefined;
  /** Waits until a lease of {@link SHORT_LEASE_MS} that was not released has expired, and acquires it again. */
  leaseAfterLapse(id: string, ttlMs: number): Promise<Lease>;
}

export interface StoreAccess {
  readonly open: () => Promise<TokenStore>;
  readonly reopen: ((store: TokenStore) => Promise<TokenStore>) | undefined;
  readonly advance: ((ms: number) => Promise<void>) | undefined;
}

export const SHORT_LEASE_MS = 30;
export const LONG_LEASE_MS = 60_000;

const MAX_WAIT_MS = 10_000;
const POLL_MS = 10;

export async function openStores(
  access: StoreAccess,
  body: (context: StoreTestContext) => Promise<void>,
): Promise<void> {
  const { open, reopen, advance } = access;
  const store = await open();
  const stores = [store];
  try {
    await body({
      store,
      advance,
      another: async () => {
        assert.ok(reopen !== undefined);
        const other = await reopen(store);
        stores.push(other);
        return other;
      },
      leaseAfterLapse: async (id, ttlMs) => {
        await advance?.(SHORT_LEASE_MS);
        return until(`the lease of ${id} lapses`, () => store.lease(id, ttlMs));
      },
    });
  } finally {
    await Promise.all(stores.map((opened) => opened.close().catch(() => undefined)));
  }
}

/** Calls `ask` repeatedly, for 10 s at most, until it returns a value. */
export async function until<T>(event: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const givenUpAt = performance.now() + MAX_WAIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert.ok(performance.now() < givenUpAt, `waited ${MAX_WAIT_MS} ms in vain until ${event}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Returns the version of a write that must have succeeded. */
export async function written(write: Promise<number | undefined>): Promise<number> {
  const version = await write;
  assert.equal(typeof version, 'number', 'the write lost');
  return version as number;
}

export async function granted(asked: Promise<Lease | undefined>): Promise<Lease> {
  const lease = await asked;
  assert.ok(lease !== undefined, 'the lease was not granted');
  return lease;
}
