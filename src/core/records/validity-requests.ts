import type { Clock } from '../concurrency/clock.js';
import { lifeMs } from '../model/refresh-policy.js';
import { keyId } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { CachedRecord } from './cached-record.js';

/** A wish for more validity starts at most one refresh of a key in this time. */
const EVERY_MS = 30_000;
const MAX_REMEMBERED = 10_000;

/** Bounds the refreshes that wishes for more validity than there is may start. */
export class ValidityRequests {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By key, when the next one may start a refresh, by the monotonic clock. */
  readonly #nextAt = boundedCache<string, number>(MAX_REMEMBERED);

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Takes a refresh for a wish, if one may start now. */
  tryStart({ key }: CachedRecord): boolean {
    const id = keyId(key);
    const now = this.#clock.monotonic();
    if (now < (this.#nextAt.get(id) ?? now)) return false;
    this.#nextAt.set(id, now + EVERY_MS);
    return true;
  }

  /** Slows the wishes of a key down: one that no token grants must not use up the quota of the day. */
  slowDown(held: CachedRecord): void {
    this.#nextAt.set(keyId(held.key), this.#clock.monotonic() + Math.max(EVERY_MS, lifeMs(held) / 20));
  }
}
