import type { Clock } from '../core/concurrency/clock.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';

const DEAF_MS = 3_600_000;
const MAX_REMEMBERED = 10_000;

/**
 * Remembers the calls whose repeat with a new token was answered as stale again. The code then has another reason than the
 * token, so that it is passed on for an hour and replaces no token.
 */
export class DeafCalls {
  readonly #clock: Clock;
  readonly #until = boundedCache<string, number>(MAX_REMEMBERED);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(call: string): void {
    this.#until.set(call, this.#clock.monotonic() + DEAF_MS);
  }

  has(call: string): boolean {
    if (this.#until.size === 0) return false;
    return this.#clock.monotonic() < (this.#until.get(call) ?? 0);
  }
}
