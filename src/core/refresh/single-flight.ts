import type { Force } from '../model/force.js';
import type { RefreshReason } from '../model/refresher.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import type { OpenedClaim } from './claim.js';

/** Runs one refresh, which all callers that wait for the key share. */
export class Flight<Result> {
  readonly key: TokenKey;
  readonly reason: RefreshReason;
  /** The value that was reported stale, if that is the reason. */
  readonly stale: string | undefined;
  /** Whether a caller waits. A flight without one may take longer. */
  urgent: boolean;
  readonly promise: Promise<Result>;
  /** The claim with the lease that the schedule has acquired for this flight. */
  #claim: OpenedClaim | undefined;
  /** The version of the record that is known to be due. A record of any other version is new. */
  knownVersion = 0;
  /** The state known to the last caller that forced the flight, if it is forced. */
  force: Force | undefined;
  /** Called before each request of the flight. */
  onAsking: (() => void) | undefined;
  #hasAsked = false;
  #wake: (() => void) | undefined;
  #woken: Promise<void> | undefined;

  constructor(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    fly: (flight: Flight<Result>) => Promise<Result>,
  ) {
    this.key = key;
    this.reason = reason;
    this.stale = stale;
    this.urgent = reason !== 'due';
    this.promise = Promise.resolve().then(() => fly(this));
    this.promise.catch(() => {});
  }

  attachClaim(claim: OpenedClaim): void {
    this.#claim = claim;
    this.knownVersion = Math.max(this.knownVersion, claim.document.recordVersion);
    this.wake();
  }

  /** Returns whether the flight's request may have been sent, so that its token may be older than a present event. */
  get hasAsked(): boolean {
    return this.#hasAsked;
  }

  /** Notes that a request is about to be sent. */
  asks(): void {
    this.#hasAsked = true;
    this.onAsking?.();
  }

  get hasClaim(): boolean {
    return this.#claim !== undefined;
  }

  /** Returns the claim of the flight, and detaches it, so that it is used only once. */
  detachClaim(): OpenedClaim | undefined {
    const claim = this.#claim;
    this.#claim = undefined;
    return claim;
  }

  /** Resolves when the flight has ended, with whether it brought a record. */
  broughtRecord(): Promise<boolean> {
    return this.promise.then(
      () => true,
      () => false,
    );
  }

  /** Resolves at the next `wake`. */
  woken(): Promise<void> {
    this.#woken ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#woken;
  }

  /** Wakes the flight if it is paused, because something has happened to the key's document. */
  wake(): void {
    this.#woken = undefined;
    this.#wake?.();
  }
}

/** Keeps one flight at a time for each key, which all callers join. */
export class SingleFlight<Result> {
  readonly #flights = new Map<string, Flight<Result>>();

  get(key: TokenKey): Flight<Result> | undefined {
    return this.#flights.get(keyId(key));
  }

  /** Returns the flight in progress, or a new one. */
  join(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    fly: (flight: Flight<Result>) => Promise<Result>,
  ): Flight<Result> {
    const id = keyId(key);
    const underWay = this.#flights.get(id);
    if (underWay !== undefined) {
      if (reason !== 'due' && !underWay.urgent) {
        underWay.urgent = true;
        underWay.wake();
      }
      return underWay;
    }
    const flight = new Flight<Result>(key, reason, stale, async (self) => {
      try {
        return await fly(self);
      } finally {
        this.#flights.delete(id);
      }
    });
    this.#flights.set(id, flight);
    return flight;
  }

  /** Wakes every paused flight, so that it checks again. */
  wakeAll(): void {
    for (const flight of this.#flights.values()) flight.wake();
  }

  /** Resolves when all flights that are in progress now have settled. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#flights.values()].map((flight) => flight.promise));
  }
}
