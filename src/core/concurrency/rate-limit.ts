import type { LRUCache } from 'lru-cache';
import { boundedCache } from '../primitives/bounded-cache.js';

/** The maximum numbers of background refreshes that may begin in a second. */
export interface RefreshRates {
  readonly perSecond: number;
  readonly perSecondOfApp: number;
}

const MAX_APPS = 10_000;
/** The time for which unused permits may be used later, if no burst is given. */
const BURST_MS = 50;
const PERMIT = 1_000;

/**
 * Grants permits one after the other, at even intervals. It counts in thousandths of a permit, which are whole numbers at
 * a whole rate, so that rounding errors do not add up.
 */
export class RateLimiter {
  readonly perSecond: number;
  readonly #burst: number;
  #freeAt = Number.NEGATIVE_INFINITY;
  /** The earliest instant at which the next refresh that finds no free permit may ask again. */
  #askAgainAt = Number.NEGATIVE_INFINITY;

  /**
   * @param burst - the number of permits that may be used at once after a pause, at least 1; by default one, and those of
   *   the last 50 ms.
   */
  constructor(perSecond: number, burst?: number) {
    this.perSecond = perSecond;
    this.#burst = burst === undefined ? perSecond * BURST_MS : (burst - 1) * PERMIT;
  }

  /**
   * Reserves a permit if one is free at `now`, the monotonic time in milliseconds.
   *
   * @returns 0 if a permit was reserved, otherwise the milliseconds to wait before asking again.
   */
  reserve(now: number): number {
    const waitMs = this.#untilMs(this.#freeAt, now);
    if (waitMs > 0) return waitMs;
    this.charge(now);
    return 0;
  }

  /**
   * Reserves a permit if one is free at `now`, like `reserve`. Callers that find none get consecutive times to
   * ask again, since most of thousands that ask again at the same time would do so in vain.
   */
  reserveInLine(now: number): number {
    if (this.reserve(now) === 0) return 0;
    const at = Math.max(this.#freeAt, this.#askAgainAt);
    this.#askAgainAt = at + PERMIT;
    return this.#untilMs(at, now);
  }

  /** Uses a permit for work that does not wait, even if none is free; later reservations wait for longer instead. */
  charge(now: number): void {
    this.#freeAt = Math.max(this.#freeAt, now * this.perSecond - this.#burst) + PERMIT;
  }

  /** Refunds a permit that was not used. */
  refund(): void {
    this.#freeAt -= PERMIT;
  }

  #untilMs(at: number, now: number): number {
    return (at - now * this.perSecond) / this.perSecond;
  }
}

/** Holds a rate limiter for each name, such as an app or a peer. A bounded number is kept: those that were used last. */
export class RateLimiters {
  readonly #perSecond: number;
  readonly #burst: number | undefined;
  readonly #byName: LRUCache<string, RateLimiter>;

  /** @param burst - the burst of each limiter. */
  constructor(perSecond: number, maxNames: number, burst?: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#byName = boundedCache(maxNames);
  }

  of(name: string): RateLimiter {
    let limiter = this.#byName.get(name);
    if (limiter === undefined) {
      limiter = new RateLimiter(this.#perSecond, this.#burst);
      this.#byName.set(name, limiter);
    }
    return limiter;
  }
}

/** Limits the rate of refreshes in a process that does not share its schedule with a fleet. */
export class LocalRateLimit {
  readonly #steps: RateLimiter;
  readonly #ofApps: RateLimiters;
  readonly #monotonic: () => number;

  constructor({ perSecond, perSecondOfApp }: RefreshRates, monotonic: () => number) {
    this.#steps = new RateLimiter(perSecond);
    this.#ofApps = new RateLimiters(perSecondOfApp, MAX_APPS);
    this.#monotonic = monotonic;
  }

  /** Reserves a permit for the next refresh and returns 0, or returns the milliseconds that the refresh has to wait. */
  reserve(): number {
    return this.#steps.reserve(this.#monotonic());
  }

  /** Refunds the permit of a refresh that did not use it. */
  refund(): void {
    this.#steps.refund();
  }

  reserveForApp(appid: string): number {
    return this.#ofApps.of(appid).reserveInLine(this.#monotonic());
  }

  refundApp(appid: string): void {
    this.#ofApps.of(appid).refund();
  }

  /** Charges for a refresh that a caller waits for and that therefore begins at once. */
  charge(appid: string): void {
    const now = this.#monotonic();
    this.#steps.charge(now);
    this.#ofApps.of(appid).charge(now);
  }
}
