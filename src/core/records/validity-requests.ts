import type { Clock } from '../concurrency/clock.js';
import { lifeMs } from '../model/refresh-policy.js';
import { keyId } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { CachedRecord } from './cached-record.js';

/** The time in which validity requests may start at most one refresh of a key. */
const EVERY_MS = 30_000;
const MAX_REMEMBERED = 10_000;

/** Bounds the refreshes that validity requests beyond the remaining lifetime may start. */
export class ValidityRequests {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The instant at which the next request of a key may start a refresh, by key and by the monotonic clock. */
  readonly #nextAt = boundedCache<string, number>(MAX_REMEMBERED);

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Returns whether a validity request may start a refresh now, and counts it if so. */
  tryStart({ key }: CachedRecord): boolean {
    const id = keyId(key);
    const now = this.#clock.monotonic();
    if (now < (this.#nextAt.get(id) ?? now)) return false;
    this.#nextAt.set(id, now + EVERY_MS);
    return true;
  }

  /** Slows the validity requests of a key down: one that no token can satisfy must not use up the daily quota. */
  slowDown(held: CachedRecord): void {
    this.#nextAt.set(keyId(held.key), this.#clock.monotonic() + Math.max(EVERY_MS, lifeMs(held) / 20));
  }
}
