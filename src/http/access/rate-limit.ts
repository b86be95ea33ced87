const REQUEST = 1_000;

/** Limits requests by a token bucket: a burst may pass at once, and the bucket is refilled at a constant rate. */
export class RateLimit {
  readonly perSecond: number;
  readonly #most: number;
  /** The remaining requests in thousandths: whole limits are then whole numbers, so that rounding errors do not add up. */
  #left: number;
  #countedAt: number;

  /**
   * @param now - the monotonic time in milliseconds.
   * @param burst - the number of requests that may pass at once. A limit below one request in a second still saves up
   *   one.
   */
  constructor(perSecond: number, now: number, burst: number = Math.max(1, perSecond)) {
    this.perSecond = perSecond;
    this.#most = burst * REQUEST;
    this.#left = this.#most;
    this.#countedAt = now;
  }

  /** Counts a request and returns 0, or counts nothing and returns the seconds until a request may pass. */
  take(now: number): number {
    const waitSeconds = this.wait(now);
    if (waitSeconds === 0) this.#left -= REQUEST;
    return waitSeconds;
  }

  /** Reverts the counting of one request. */
  giveBack(): void {
    this.#left = Math.min(this.#most, this.#left + REQUEST);
  }

  /** Returns the seconds until a request may pass; 0 if one may pass now. */
  wait(now: number): number {
    this.#left = Math.min(this.#most, this.#left + (now - this.#countedAt) * this.perSecond);
    this.#countedAt = now;
    return this.#left < REQUEST ? Math.ceil((REQUEST - this.#left) / this.perSecond / 1_000) : 0;
  }
}
