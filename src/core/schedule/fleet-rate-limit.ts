import { wait } from '../concurrency/clock.js';
import type { RefreshRates } from '../concurrency/rate-limit.js';
import type { StoredDocument } from '../model/store.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import { seal, unseal } from '../store/document-codec.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/** The farthest that a process reserves ahead, so that a queue of processes does not delay any of them for long. */
const HORIZON_MS = 500;
/** The farthest plausible instant of a reservation. A later one was written by a wrong clock. */
const MAX_AHEAD_MS = 10_000;
/** The longest single wait. Longer waits are split so that an abort is noticed. */
const ASKS_AGAIN_AFTER_MS = 10_000;
/** The longest time that the holder of a lease waits for a permit. */
const MAX_WAIT_WITH_LEASE_MS = 700;
const MAX_AT_ONCE = 16;
/**
 * The time for which the next claim may use permits that were not used. If they were kept longer, the refreshes of many
 * would begin at once.
 */
const UNUSED_LASTS_MS = 1_000;
const MAX_APPS = 1_000;
/**
 * The share of the rate that is for the schedule. The rest is for callers, who do not wait, and for refreshes that
 * begin later than they were permitted.
 */
export const SHARE_OF_SCHEDULE = 0.9;
/** The time in which a process begins one refresh of an app without a reservation, since most apps need no more. */
const UNASKED_EVERY_MS = 1_000;
const FLEET = 'limit/~fleet/~pace';

interface AppPermits {
  unaskedAt: number;
  left: number;
  batch: number;
  readonly debt: Overdraft;
}

interface Reservation {
  readonly version: number;
  readonly reservedUntil: number;
}

/**
 * Counts permits that were used without a reservation. They are added to the next reservation, and time in which
 * nothing begins reduces them as well.
 */
class Overdraft {
  #until = Number.NEGATIVE_INFINITY;

  charge(ms: number, now: number): void {
    this.#until = Math.max(this.#until, now) + ms;
  }

  leftMs(now: number): number {
    return Math.max(0, this.#until - now);
  }

  repay(ms: number): void {
    this.#until -= ms;
  }
}

/** Counts permits that were reserved and not used. */
class Unused {
  readonly #maxMs: number;
  #ms = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor(maxMs: number) {
    this.#maxMs = maxMs;
  }

  add(ms: number, now: number): void {
    this.#ms = Math.min(this.#maxMs, (now < this.#until ? this.#ms : 0) + ms);
    this.#until = now + UNUSED_LASTS_MS;
  }

  /** Uses up at most `ms`, and returns how much was available. */
  take(ms: number, now: number): number {
    const taken = now < this.#until ? Math.min(ms, this.#ms) : 0;
    this.#ms -= taken;
    return taken;
  }
}

/**
 * Enforces the rate limit of a fleet. Permits are reserved in the store, several at a time: each document contains the
 * instant until which all permits are reserved.
 */
export class FleetRateLimit {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #clock: StoreClock;
  readonly #limits: RefreshRates;
  readonly #apps = boundedCache<string, AppPermits>(MAX_APPS);
  readonly #debt = new Overdraft();
  readonly #unused: Unused;

  constructor(store: SupervisedStore, reader: DocumentReader, clock: StoreClock, limits: RefreshRates) {
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
    this.#limits = limits;
    this.#unused = new Unused(this.batchSize * this.stepMs);
  }

  /**
   * Returns how many permits are reserved at once: no more than for a twentieth of a second, so that little is lost if
   * a process dies.
   */
  get batchSize(): number {
    return atOnce(this.#limits.perSecond);
  }

  /** Returns the interval between the beginnings of two refreshes, in milliseconds. */
  get stepMs(): number {
    return 1_000 / (this.#limits.perSecond * SHARE_OF_SCHEDULE);
  }

  /**
   * Reserves permits and waits until `count` refreshes may begin, one after the other.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async reserve(count: number, signal: AbortSignal): Promise<void> {
    while (!(await this.#takeOfFleet(count, ASKS_AGAIN_AFTER_MS, signal))) signal.throwIfAborted();
  }

  /**
   * Reserves a permit for the holder of a lease, which can wait only briefly.
   *
   * @returns whether the refresh may begin.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  tryReserve(signal: AbortSignal): Promise<boolean> {
    return this.#takeOfFleet(1, MAX_WAIT_WITH_LEASE_MS, signal);
  }

  /**
   * Waits briefly until a refresh of this app may begin.
   *
   * @returns whether it may.
   */
  async reserveForApp(appid: string, signal: AbortSignal): Promise<boolean> {
    const permits = this.#permitsOf(appid);
    const now = this.#clock.monotonic();
    if (now >= permits.unaskedAt + UNASKED_EVERY_MS) {
      permits.unaskedAt = now;
      permits.batch = 1;
      permits.left = 0;
      return true;
    }
    if (permits.left > 0) {
      permits.left -= 1;
      return true;
    }
    const { batch, debt } = permits;
    const { perSecondOfApp } = this.#limits;
    permits.batch = Math.min(atOnce(perSecondOfApp), batch * 2);
    const forMs = (batch * 1_000) / perSecondOfApp;
    if (!(await this.#payAndReserve(`limit/${appid}/~pace`, debt, forMs, MAX_WAIT_WITH_LEASE_MS, signal))) return false;
    permits.left += batch - 1;
    return true;
  }

  /** Charges a refresh that a caller waits for. It begins without waiting, and later ones wait for longer instead. */
  charge(appid: string): void {
    const now = this.#clock.monotonic();
    this.#debt.charge(this.stepMs, now);
    this.#permitsOf(appid).debt.charge(1_000 / this.#limits.perSecondOfApp, now);
  }

  /** Refunds the fleet's permit of a refresh that has made no request. */
  refund(): void {
    this.#unused.add(this.stepMs, this.#clock.monotonic());
  }

  /** Refunds the app's permit of a refresh that has made no request. */
  refundApp(appid: string): void {
    this.#permitsOf(appid).left += 1;
  }

  #takeOfFleet(count: number, maxWaitMs: number, signal: AbortSignal): Promise<boolean> {
    const forMs = count * this.stepMs;
    const unusedMs = this.#unused.take(forMs, this.#clock.monotonic());
    const taken = this.#payAndReserve(FLEET, this.#debt, forMs - unusedMs, maxWaitMs, signal);
    return unusedMs === 0 ? taken : taken.then((isTaken) => this.#keepUnused(isTaken, unusedMs));
  }

  #keepUnused(isTaken: boolean, unusedMs: number): boolean {
    if (!isTaken) this.#unused.add(unusedMs, this.#clock.monotonic());
    return isTaken;
  }

  async #payAndReserve(
    id: string,
    debt: Overdraft,
    forMs: number,
    maxWaitMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const owedMs = debt.leftMs(this.#clock.monotonic());
    if (forMs + owedMs <= 0) return true;
    const isReserved = await this.#reserve(id, forMs + owedMs, maxWaitMs, signal);
    if (isReserved) debt.repay(owedMs);
    return isReserved;
  }

  #permitsOf(appid: string): AppPermits {
    let permits = this.#apps.get(appid);
    if (permits === undefined) {
      permits = { unaskedAt: Number.NEGATIVE_INFINITY, left: 0, batch: 1, debt: new Overdraft() };
      this.#apps.set(appid, permits);
    }
    return permits;
  }

  /** Reserves permits and waits until they are valid. Returns `false` if none could be reserved within `maxWaitMs`. */
  async #reserve(id: string, forMs: number, maxWaitMs: number, signal: AbortSignal): Promise<boolean> {
    const givesUpAt = this.#clock.monotonic() + maxWaitMs;
    for (;;) {
      const [document] = await this.#store.get([id]);
      const read = await this.#read(document);
      if (read === undefined) {
        await this.#pause(forMs, signal);
        return true;
      }
      const { version, reservedUntil } = read;
      const now = this.#clock.now();
      const freeAt = reservedUntil > now + MAX_AHEAD_MS ? now : Math.max(now, reservedUntil);
      if (freeAt - now <= HORIZON_MS) {
        const content = { reservedUntil: Math.min(freeAt + forMs, now + MAX_AHEAD_MS) };
        if ((await this.#store.set(id, seal(id, content), version)) !== undefined) {
          await this.#pause(freeAt - this.#clock.now(), signal);
          return true;
        }
      }
      const aheadMs = Math.max(0, freeAt - now - HORIZON_MS);
      if (this.#clock.monotonic() + aheadMs >= givesUpAt) return false;
      await this.#pause(aheadMs + 5 + this.#clock.random() * 45, signal);
    }
  }

  /**
   * Returns the reservation; `undefined` if it is unreadable, such as one of a newer release. Then each process keeps
   * the rate limit by itself.
   */
  #read(document: StoredDocument | undefined): Promise<Reservation | undefined> {
    return this.#reader.read<Reservation | undefined>(
      document,
      (found) =>
        found === undefined
          ? { version: 0, reservedUntil: 0 }
          : { version: found.version, reservedUntil: Number(unseal(found)['reservedUntil']) || 0 },
      () => undefined,
    );
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0) await wait(this.#clock, Math.ceil(ms), { signal });
  }
}

function atOnce(perSecond: number): number {
  return Math.max(1, Math.min(MAX_AT_ONCE, Math.floor(perSecond / 20)));
}
