import { Semaphore } from '../concurrency/semaphore.js';
import { CLAIM_LASTS_MS, LEASE_MS } from '../concurrency/time-limits.js';
import type { Closing } from '../model/closing.js';
import { isTokenError } from '../model/errors.js';
import type { BuiltInRefresher } from '../model/refresher.js';
import { type GiveBack, SharedSlots } from '../model/shared-slots.js';
import type { Lease } from '../model/store.js';
import { documentId } from '../model/token-key.js';
import type { Counter } from '../primitives/counters.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { KeyDocument } from '../store/key-document.js';
import type { Storage } from '../store/storage.js';
import type { OpenedClaim } from './claim.js';
import { pauseFlight } from './flight-pause.js';
import type { Outcome } from './outcome.js';
import type { Flight } from './single-flight.js';
import type { StoredAnswers } from './stored-answers.js';

export interface RefreshLeasesParts extends Pick<Storage, 'store' | 'documents' | 'clock'> {
  readonly answers: StoredAnswers;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  /** Whether a caller without a token gets one that no other process knows of while the store is unavailable. */
  readonly fetchesWithoutStore: boolean;
  /** The counter of leases that were held by another process. */
  readonly leaseContentions: Counter;
  readonly closing: Closing;
}

/** A lease, and a place among the leases that are held at once. */
export interface TakenLease {
  readonly kind: 'lease';
  readonly lease: Lease;
  /** The document that was read with the lease, if it has been decoded already. */
  readonly document: KeyDocument | undefined;
  readonly giveBack: GiveBack;
}

/**
 * The maximum number of keys between lease and write: a thousand keys at once must not wait for the store in a queue
 * while they hold leases.
 */
const MAX_UNDER_LEASE = 96;
/**
 * The number of leases that are acquired concurrently, so that the writes of announcements and answers do not queue
 * behind them. A file store can use four threads.
 */
const MAX_LEASING = 4;
/** The time for which a process that has found a lease contended expects to find others contended. */
const CONTENDED_FOR_MS = 60_000;
const WAIT_OF_CALLERS_MS = { least: 20, spread: 180 };
const WAIT_OF_BACKGROUND_MS = { least: 200, spread: 1_800 };

/** Acquires the leases under which keys are refreshed, or finds records that other processes have stored meanwhile. */
export class RefreshLeases {
  readonly #parts: RefreshLeasesParts;
  readonly #slots = new SharedSlots(MAX_UNDER_LEASE);
  readonly #leasing = new Semaphore(MAX_LEASING);
  /** The instant until which other processes are expected to refresh the same keys, by the monotonic clock. */
  #contendedUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: RefreshLeasesParts) {
    this.#parts = parts;
  }

  /**
   * Delays a background refresh and reads the document first, so that not all processes that know of the same due
   * compete for the lease.
   *
   * @returns the record that another process has stored meanwhile.
   */
  async leaveToOthers(flight: Flight<CachedRecord>, knownVersion: number): Promise<CachedRecord | undefined> {
    const { clock } = this.#parts;
    const mayWait = (): boolean => !flight.urgent && !flight.hasClaim;
    if (clock.monotonic() >= this.#contendedUntil || !mayWait()) return undefined;
    await pauseFlight(flight, this.#parts, clock.random() * clock.pollIntervalMs);
    if (!mayWait()) return undefined;
    const found = await this.#foundMeanwhile(flight, knownVersion);
    return found?.kind === 'done' ? found.record : undefined;
  }

  /** Acquires the lease, or returns the record that its holder has stored meanwhile. */
  async acquire(flight: Flight<CachedRecord>, knownVersion: number): Promise<TakenLease | Outcome> {
    const { clock, leaseContentions, closing } = this.#parts;
    const { key } = flight;
    for (;;) {
      const giveBack = await this.#slots.take(key);
      let lease: Lease | undefined;
      let document: KeyDocument | undefined;
      try {
        closing.assertOpen();
        const claim = await this.#claimed(flight);
        document = claim?.document;
        lease = claim?.lease ?? (await this.#leasing.run(() => this.#lease(flight)));
      } finally {
        if (lease === undefined) giveBack();
      }
      if (lease !== undefined) return { kind: 'lease', lease, document, giveBack };
      leaseContentions.add();
      this.#contendedUntil = clock.monotonic() + CONTENDED_FOR_MS;
      const { least, spread } = flight.urgent ? WAIT_OF_CALLERS_MS : WAIT_OF_BACKGROUND_MS;
      await pauseFlight(flight, this.#parts, least + clock.random() * spread);
      const found = await this.#foundMeanwhile(flight, knownVersion);
      if (found !== undefined) return found;
    }
  }

  /** Requests the lease. While the store is unavailable, a caller without a token may go on without one. */
  async #lease({ key, reason }: Flight<CachedRecord>): Promise<Lease | undefined> {
    const { store, refresherOf, fetchesWithoutStore } = this.#parts;
    const id = documentId('key', key);
    try {
      return await store.lease(id, LEASE_MS);
    } catch (error) {
      const mayDoWithout = fetchesWithoutStore && reason === 'demand' && refresherOf(key.type)?.spends === undefined;
      if (!mayDoWithout || !isTokenError(error)) throw error;
      return { id, document: undefined, release: async () => {} };
    }
  }

  /** Returns the claim that the flight came with, if its lease lasts longer than an attempt. */
  async #claimed(flight: Flight<CachedRecord>): Promise<OpenedClaim | undefined> {
    const { store, clock } = this.#parts;
    const claim = flight.detachClaim();
    if (claim === undefined) return undefined;
    if (clock.monotonic() - claim.askedAtMonotonic <= CLAIM_LASTS_MS) return claim;
    await store.release(claim.lease);
    return undefined;
  }

  /** Returns what makes the flight needless or impossible by now, by the cached record or by the document. */
  async #foundMeanwhile(flight: Flight<CachedRecord>, knownVersion: number): Promise<Outcome | undefined> {
    const { documents, answers } = this.#parts;
    return (
      answers.heardOf(flight, knownVersion) ?? answers.settledBy(await documents.read(flight.key), flight, knownVersion)
    );
  }
}
