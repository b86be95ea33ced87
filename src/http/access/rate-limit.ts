const REQUEST = 1_000;

/** Lets so many requests pass in a second, at once or spread, and as many more as time passes. */
export class RateLimit {
  readonly perSecond: number;
  /** A limit below one request in a second saves up one all the same. */
  readonly #most: number;
  /** In thousandths of a request: whole numbers for whole limits, so that no rounding adds up. */
  #left: number;
  #countedAt: number;

  /** @param now - monotonic, in milliseconds. */
  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond;
    this.#most = Math.max(1, perSecond) * REQUEST;
    this.#left = this.#most;
    this.#countedAt = now;
  }

  /** Counts a request and returns 0; or, when none may pass, counts nothing and returns the seconds until one may. */
  take(now: number): number {
    this.#left = Math.min(this.#most, this.#left + (now - this.#countedAt) * this.perSecond);
    this.#countedAt = now;
    if (this.#left < REQUEST) return Math.ceil((REQUEST - this.#left) / this.perSecond / 1_000);
    this.#left -= REQUEST;
    return 0;
  }
}
