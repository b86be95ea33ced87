import { boundedCache } from '../primitives/bounded-cache.js';

/** The limits of refreshes that may be begun in a second without a caller waiting for them. */
export interface RefreshRates {
  readonly perSecond: number;
  readonly perSecondOfApp: number;
}

const MAX_APPS = 10_000;
/** The time within which steps that were not used may be made up for. */
const BURST_MS = 50;

/** Hands out steps one after the other, at even intervals. */
export class RateLimiter {
  readonly #stepMs: number;
  #freeAt = Number.NEGATIVE_INFINITY;
  /** The instant at which the next refresh that finds no free step is to ask again. */
  #askAgainAt = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#stepMs = 1_000 / perSecond;
  }

  /**
   * Takes a step if one is free at `now`.
   *
   * @returns 0 when it was taken, else how many milliseconds to wait.
   */
  reserve(now: number): number {
    if (this.#freeAt > now) return this.#freeAt - now;
    this.charge(now);
    return 0;
  }

  /**
   * Takes a step if one is free at `now`, like `take`. Those that find none are told to come one step after the other, since
   * most of thousands that came back together would come in vain.
   */
  reserveInLine(now: number): number {
    const waitMs = this.reserve(now);
    if (waitMs === 0) return 0;
    const at = Math.max(this.#freeAt, this.#askAgainAt);
    this.#askAgainAt = at + this.#stepMs;
    return at - now;
  }

  /** Takes a step, free or not: those who come later wait for it. */
  charge(now: number): void {
    this.#freeAt = Math.max(this.#freeAt, now - BURST_MS) + this.#stepMs;
  }

  /** Gives back a step that was not used. */
  refund(): void {
    this.#freeAt -= this.#stepMs;
  }
}

/** Keeps the pace of a process that has its schedule for itself. */
export class LocalRateLimit {
  readonly #steps: RateLimiter;
  readonly #ofApps = boundedCache<string, RateLimiter>(MAX_APPS);
  readonly #perSecondOfApp: number;
  readonly #monotonic: () => number;

  constructor({ perSecond, perSecondOfApp }: RefreshRates, monotonic: () => number) {
    this.#steps = new RateLimiter(perSecond);
    this.#perSecondOfApp = perSecondOfApp;
    this.#monotonic = monotonic;
  }

  /** Takes a step for the next refresh and returns 0, or returns how many milliseconds it has to wait. */
  reserve(): number {
    return this.#steps.reserve(this.#monotonic());
  }

  /** Gives back what the last `take` allowed and was not begun. */
  refund(): void {
    this.#steps.refund();
  }

  reserveForApp(appid: string): number {
    return this.#ofApp(appid).reserveInLine(this.#monotonic());
  }

  refundApp(appid: string): void {
    this.#ofApp(appid).refund();
  }

  /** Counts a refresh that a caller waits for, and that so does not wait itself. */
  charge(appid: string): void {
    const now = this.#monotonic();
    this.#steps.charge(now);
    this.#ofApp(appid).charge(now);
  }

  #ofApp(appid: string): RateLimiter {
    let steps = this.#ofApps.get(appid);
    if (steps === undefined) this.#ofApps.set(appid, (steps = new RateLimiter(this.#perSecondOfApp)));
    return steps;
  }
}
