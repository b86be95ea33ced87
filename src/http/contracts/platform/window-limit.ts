import { boundedCache } from '../../../core/primitives/bounded-cache.js';

/**
 * Limits how often something may happen under a name within a time. Unlike a rate limiter it permits no more than that within
 * any such time, also after a pause.
 */
export class WindowLimit {
  readonly #most: number;
  readonly #windowMs: number;
  /** The times of what has happened, by name, oldest first. */
  readonly #times;

  /** @param maxNames - the number of names that are remembered: those that were used last. */
  constructor(most: number, windowMs: number, maxNames: number) {
    this.#most = most;
    this.#windowMs = windowMs;
    this.#times = boundedCache<string, readonly number[]>(maxNames);
  }

  /**
   * Returns the milliseconds until it may happen; 0 if it may now.
   *
   * @param now - the monotonic time.
   */
  waitMs(name: string, now: number): number {
    const recent = this.#recent(name, now);
    const [oldest] = recent;
    return oldest === undefined || recent.length < this.#most ? 0 : oldest + this.#windowMs - now;
  }

  /** Notes that it happens. */
  note(name: string, now: number): void {
    this.#times.set(name, [...this.#recent(name, now), now]);
  }

  #recent(name: string, now: number): readonly number[] {
    return (this.#times.get(name) ?? []).filter((at) => now - at < this.#windowMs);
  }
}
