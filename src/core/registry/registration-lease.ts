import { type Clock, wait } from '../concurrency/clock.js';
import { COMMAND_TIMEOUT_MS, LEASE_MS } from '../concurrency/time-limits.js';
import type { Closing } from '../model/closing.js';
import { TokenError } from '../model/errors.js';
import type { Lease } from '../model/store.js';
import { appDocumentId } from '../model/token-key.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended } from '../store/write-errors.js';

/** The time after its lease was asked for in which a registration may send commands: the last one ends before the lease does. */
const HELD_MS = LEASE_MS - 2 * COMMAND_TIMEOUT_MS;
/** The time in which it may begin new work: taking that back takes as long, and has to fit as well. */
const WORK_MS = HELD_MS / 2;
/** Longer than other processes wait before they ask for the lease again, so that they have their turn. */
const PAUSE_MS = 150;

/** Says that the time of a lease is up before what was to be done under it is. */
export class LeaseTimeUp extends TokenError {
  constructor(appid: string) {
    const message = `the store is too slow: the registration of ${appid} was not changed within the time of its lease`;
    super('STORE_UNAVAILABLE', message, { appid, retryable: true });
  }
}

/** Says that the store was replaced meanwhile: what has been written, or was to be added to, may be lost. */
export class StoreReplaced extends TokenError {
  constructor(appid: string) {
    const message = `the store was replaced while the registration of ${appid} was changed`;
    super('STORE_UNAVAILABLE', message, { appid, retryable: true });
  }
}

/** Tells how long the lease of an app's registration can be relied on. */
export class RegistrationLease {
  readonly appid: string;
  readonly #clock: Clock;
  readonly #askedAtMonotonic: number;

  constructor(appid: string, clock: Clock, askedAtMonotonic: number) {
    this.appid = appid;
    this.#clock = clock;
    this.#askedAtMonotonic = askedAtMonotonic;
  }

  /** Tells whether there is time to begin something that may have to be taken back. */
  get hasTime(): boolean {
    return this.#heldMs < WORK_MS;
  }

  /** Tells whether a command that is sent now ends before the lease does. */
  get isHeld(): boolean {
    return this.#heldMs < HELD_MS;
  }

  /**
   * @throws LeaseTimeUp unless there is time to begin something that may have to be taken back.
   */
  assertTime(): void {
    if (!this.hasTime) throw new LeaseTimeUp(this.appid);
  }

  /**
   * @throws LeaseTimeUp unless a command that is sent now ends before the lease does.
   */
  assertHeld(): void {
    if (!this.isHeld) throw new LeaseTimeUp(this.appid);
  }

  /**
   * @throws LeaseTimeUp when the lease has ended, so that another process may have changed the registration since.
   */
  assertNotEnded(): void {
    if (this.#heldMs >= LEASE_MS) throw new LeaseTimeUp(this.appid);
  }

  get #heldMs(): number {
    return this.#clock.monotonic() - this.#askedAtMonotonic;
  }
}

interface LeasingParts {
  readonly store: SupervisedStore;
  readonly clock: Clock;
  readonly closing: Closing;
}

interface AcquiredLease {
  readonly lease: Lease;
  readonly askedAtMonotonic: number;
}

/** Takes the leases of registrations: one change of an app's registration at a time, in the whole fleet. */
export class RegistrationLeases {
  readonly #store: SupervisedStore;
  readonly #clock: Clock;
  readonly #closing: Closing;

  constructor(store: SupervisedStore, clock: Clock, closing: Closing) {
    this.#store = store;
    this.#clock = clock;
    this.#closing = closing;
  }

  /**
   * Does work under the lease of the app: no other process may count on a document that is taken back when the rest of a
   * registration fails. The work has to look at the time of the lease, which is not renewed.
   *
   * @throws what the work throws; a `TokenError` with code `CLOSED` once the closing of the manager has begun.
   */
  async hold<Result>(appid: string, work: (lease: RegistrationLease) => Promise<Result>): Promise<Result> {
    const parts = { store: this.#store, clock: this.#clock, closing: this.#closing };
    const what = `the registration of ${appid}`;
    const { lease, askedAtMonotonic } = await acquireLease(parts, appDocumentId(appid), what, appid);
    try {
      this.#closing.assertOpen();
      return await work(new RegistrationLease(appid, this.#clock, askedAtMonotonic));
    } finally {
      await this.#store.release(lease);
    }
  }

  /** Lets other processes have their turn between two steps of work that does not fit into one lease. */
  async pause(): Promise<void> {
    await wait(this.#clock, PAUSE_MS, { ref: true, signal: this.#closing.signal });
  }
}

/**
 * Takes a lease that another process may hold: that is waited for as long as a lease lasts.
 *
 * @param what - the name of what other processes change under it, for the error.
 * @throws a `TokenError` with code `STORE_UNAVAILABLE`, or `CLOSED` once the closing of the manager has begun.
 */
export async function acquireLease(
  { store, clock, closing }: LeasingParts,
  id: string,
  what: string,
  appid: string,
): Promise<AcquiredLease> {
  const givesUpAt = clock.monotonic() + LEASE_MS + COMMAND_TIMEOUT_MS;
  for (;;) {
    closing.assertOpen();
    const askedAtMonotonic = clock.monotonic();
    const lease = await store.lease(id, LEASE_MS);
    if (lease !== undefined) return { lease, askedAtMonotonic };
    if (clock.monotonic() >= givesUpAt) throw contended(what, { appid });
    await wait(clock, 20 + clock.random() * 80, { ref: true, signal: closing.signal });
  }
}
