import { wait } from '../concurrency/clock.js';
import { LEASE_MS } from '../concurrency/time-limits.js';
import type { Lease } from '../model/store.js';
import { noop } from '../primitives/noop.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/** The share of the time since a key was due for which its lease is kept. */
const SHARE_OF_OVERDUE = 1 / 15;

/**
 * Leaves keys to other processes of which this one cannot read a document. Others may be able to: they have the
 * encryption key, or belong to the release that wrote the document.
 */
export class UnreadableClaims {
  readonly #store: SupervisedStore;
  readonly #clock: StoreClock;
  readonly #releases = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(store: SupervisedStore, clock: StoreClock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Releases the lease after a pause that grows with the time for which the key has been due. The pause is short at
   * first, because the store may assign the key to many processes that cannot read it before one that can. In the end the
   * lease is kept until it expires: probably no process can read the document. It is also kept while the store fails.
   */
  leave(lease: Lease): void {
    const pauseMs = this.#pauseMs(lease);
    if (this.#store.failing || pauseMs >= LEASE_MS) return;
    const release = wait(this.#clock, pauseMs, { signal: this.#stopping.signal })
      .catch(noop)
      .then(() => this.#store.release(lease))
      .then(() => void this.#releases.delete(release));
    this.#releases.add(release);
  }

  /** Ends the pauses, and resolves when the leases are released. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#releases);
  }

  #pauseMs({ document }: Lease): number {
    const due = document?.due;
    if (due === undefined) return LEASE_MS;
    // A due that is far ahead was written before the store's clock was set back.
    const overdueMs = this.#clock.now() - due.at;
    return overdueMs < -LEASE_MS
      ? LEASE_MS
      : Math.ceil(Math.max(this.#clock.pollIntervalMs, overdueMs * SHARE_OF_OVERDUE));
  }
}
