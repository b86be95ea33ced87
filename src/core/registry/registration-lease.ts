import { type Clock, wait } from '../concurrency/clock.js';
import { COMMAND_TIMEOUT_MS, LEASE_MS } from '../concurrency/time-limits.js';
import type { Closing } from '../model/closing.js';
import { TokenError } from '../model/errors.js';
import type { Lease } from '../model/store.js';
import { appDocumentId } from '../model/token-key.js';
import { memberOf } from '../primitives/foreign-objects.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended } from '../store/write-errors.js';

/**
 * The time after the request for its lease in which a registration may send commands, so that the last one ends before
 * the lease does.
 */
const HELD_MS = LEASE_MS - 2 * COMMAND_TIMEOUT_MS;
/**
 * The time in which a registration may begin new work, since rolling that back takes as long and has to fit as well.
 */
const WORK_MS = HELD_MS / 2;
/**
 * The pause between two leases. It is longer than other processes wait before they request the lease again, so that
 * they can acquire it in between.
 */
const PAUSE_MS = 150;

/** Reports that the time of a lease is over before the work under it is done. */
export class LeaseTimeUp extends TokenError {
  constructor(appid: string) {
    const message = `the store is too slow: the registration of ${appid} was not changed within the time of its lease`;
    super('STORE_UNAVAILABLE', message, { appid, retryable: true });
  }
}

/** Reports that the store was replaced meanwhile, so that written documents, or those to be added to, may be lost. */
export class StoreReplaced extends TokenError {
  constructor(appid: string) {
    const message = `the store was replaced while the registration of ${appid} was changed`;
    super('STORE_UNAVAILABLE', message, { appid, retryable: true });
  }
}

/** Tells how long the lease of an app's registration is reliable. */
export class RegistrationLease {
  readonly appid: string;
  readonly #clock: Clock;
  readonly #askedAtMonotonic: number;

  constructor(appid: string, clock: Clock, askedAtMonotonic: number) {
    this.appid = appid;
    this.#clock = clock;
    this.#askedAtMonotonic = askedAtMonotonic;
  }

  /** Returns whether there is time to begin work that may have to be rolled back. */
  get hasTime(): boolean {
    return this.#heldMs < WORK_MS;
  }

  /** Returns whether a command that is sent now ends before the lease does. */
  get isHeld(): boolean {
    return this.#heldMs < HELD_MS;
  }

  /**
   * Asserts that there is time to begin work that may have to be rolled back.
   *
   * @throws LeaseTimeUp otherwise.
   */
  assertTime(): void {
    if (!this.hasTime) throw new LeaseTimeUp(this.appid);
  }

  /**
   * Asserts that a command that is sent now ends before the lease does.
   *
   * @throws LeaseTimeUp otherwise.
   */
  assertHeld(): void {
    if (!this.isHeld) throw new LeaseTimeUp(this.appid);
  }

  /**
   * Asserts that the lease has not ended.
   *
   * @throws LeaseTimeUp otherwise, since another process may have changed the registration.
   */
  assertNotEnded(): void {
    if (this.#heldMs >= LEASE_MS) throw new LeaseTimeUp(this.appid);
  }

  get #heldMs(): number {
    return this.#clock.monotonic() - this.#askedAtMonotonic;
  }
}

/** The codes with which the stores of this package report that this process has no right to write. */
const NO_RIGHTS: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'NOPERM', 'ACCESS_DENIED']);

interface LeasingParts {
  readonly store: SupervisedStore;
  readonly clock: Clock;
  readonly closing: Closing;
  /** Called with the error of a store that grants no lease. */
  readonly refused?: (error: TokenError) => void;
}

interface AcquiredLease {
  readonly lease: Lease;
  readonly askedAtMonotonic: number;
}

/**
 * Acquires the leases of registrations, which permit one change of an app's registration at a time in the whole fleet.
 */
export class RegistrationLeases {
  readonly #store: SupervisedStore;
  readonly #clock: Clock;
  readonly #closing: Closing;
  /** The errors with which the store has refused a lease for now, as opposed to those of work under one. */
  readonly #refusals = new WeakSet<object>();

  constructor(store: SupervisedStore, clock: Clock, closing: Closing) {
    this.#store = store;
    this.#clock = clock;
    this.#closing = closing;
  }

  /**
   * Returns whether `hold` has thrown this error because the store grants no lease for now, for example because it is full.
   */
  isRefusal(error: object): boolean {
    return this.#refusals.has(error);
  }

  /**
   * Runs work under the lease of the app, so that no other process depends on a document that is rolled back if the
   * rest of a registration fails. The work has to check the remaining time of the lease, which is not renewed.
   *
   * @throws the error of the work; a `TokenError` with code `CLOSED` once the closing of the manager has begun.
   */
  async hold<Result>(appid: string, work: (lease: RegistrationLease) => Promise<Result>): Promise<Result> {
    const refused = (error: TokenError): void => {
      if (!lacksRights(error)) this.#refusals.add(error);
    };
    const parts = { store: this.#store, clock: this.#clock, closing: this.#closing, refused };
    const what = `the registration of ${appid}`;
    const { lease, askedAtMonotonic } = await acquireLease(parts, appDocumentId(appid), what, appid);
    try {
      this.#closing.assertOpen();
      return await work(new RegistrationLease(appid, this.#clock, askedAtMonotonic));
    } finally {
      await this.#store.release(lease);
    }
  }

  /** Lets other processes acquire the lease between two steps of work that does not fit into one lease. */
  async pause(pauseMs: number = PAUSE_MS): Promise<void> {
    await wait(this.#clock, pauseMs, { ref: true, signal: this.#closing.signal });
  }
}

/**
 * Acquires a lease. If another process holds it, this waits for as long as a lease lasts.
 *
 * @param what - the name of the contended state, for the error.
 * @throws a `TokenError` with code `STORE_UNAVAILABLE`, or `CLOSED` once the closing of the manager has begun.
 */
export async function acquireLease(
  { store, clock, closing, refused }: LeasingParts,
  id: string,
  what: string,
  appid: string,
): Promise<AcquiredLease> {
  const givesUpAt = clock.monotonic() + LEASE_MS + COMMAND_TIMEOUT_MS;
  for (;;) {
    closing.assertOpen();
    const askedAtMonotonic = clock.monotonic();
    const lease = await store.lease(id, LEASE_MS).catch((error: TokenError) => {
      refused?.(error);
      throw error;
    });
    if (lease !== undefined) return { lease, askedAtMonotonic };
    if (clock.monotonic() >= givesUpAt) throw contended(what, { appid });
    await wait(clock, 20 + clock.random() * 80, { ref: true, signal: closing.signal });
  }
}

/**
 * Returns whether this process has no right to write. Its operator has to see that at the start, and not only when the
 * tokens that are stored have expired.
 */
function lacksRights({ cause }: TokenError): boolean {
  return NO_RIGHTS.has(memberOf(cause, 'code'));
}
