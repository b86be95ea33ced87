import type { Clock } from '../concurrency/clock.js';
import { boundedCache } from '../primitives/bounded-cache.js';

const MAX_REMEMBERED = 10_000;

/** Remembers when each app was pushed to last, in memory only: a write to the store for each push would cost more than it tells. */
export class LastPushes {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #at = boundedCache<string, number>(MAX_REMEMBERED);

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Notes a push whose signature was verified. */
  note(appid: string): void {
    this.#at.set(appid, Math.round(this.#clock.now()));
  }

  /** Returns the instant of the last push to an app since this process started. */
  of(appid: string): number | undefined {
    return this.#at.get(appid);
  }
}
