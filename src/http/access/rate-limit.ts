const REQUEST = 1_000;

/** Lets so many requests pass in a second, at once or spread, and as many more as time passes. */
export class RateLimit {
  readonly perSecond: number;
  readonly #most: number;
  /** In thousandths of a request: whole numbers for whole limits, so that no rounding adds up. */
  #left: number;
  #countedAt: number;

  /**
   * @param now - monotonic, in milliseconds.
   * @param burst - how many may pass at once. A limit below one request in a second saves up one all the same.
   */
  constructor(perSecond: number, now: number, burst: number = Math.max(1, perSecond)) {
    this.perSecond = perSecond;
    this.#most = burst * REQUEST;
    this.#left = this.#most;
    this.#countedAt = now;
  }

  /** Counts a request and returns 0; or, when none may pass, counts nothing and returns the seconds until one may. */
  take(now: number): number {
    const waitSeconds = this.wait(now);
    if (waitSeconds === 0) this.#left -= REQUEST;
    return waitSeconds;
  }

  /** Takes back the counting of one request. */
  giveBack(): void {
    this.#left = Math.min(this.#most, this.#left + REQUEST);
  }

  /** Returns the seconds until a request may pass, 0 when one may now. */
  wait(now: number): number {
    this.#left = Math.min(this.#most, this.#left + (now - this.#countedAt) * this.perSecond);
    this.#countedAt = now;
    return this.#left < REQUEST ? Math.ceil((REQUEST - this.#left) / this.perSecond / 1_000) : 0;
  }
}
