import type { Clock } from '../../core/concurrency/clock.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';

interface Reported {
  /** The monotonic time of the last report. */
  readonly at: number;
  /** The number of failures since then. */
  failures: number;
}

const REPORT_EVERY_MS = 10 * 60_000;
const MAX_KEYS = 1_000;

/**
 * Reports failures that come in thousands for one reason: the first of each key, and then one each ten minutes with the
 * number of those in between.
 */
export class DampedReports {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #report: (error: Error) => void;
  readonly #keys = boundedCache<string, Reported>(MAX_KEYS);

  constructor(clock: Pick<Clock, 'monotonic'>, report: (error: Error) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /**
   * Notes a failure.
   *
   * @param describe - returns the message of its report.
   * @param what - the name of several failures, for the number of those that were not reported.
   */
  note(key: string, describe: () => string, what: string): void {
    const now = this.#clock.monotonic();
    const before = this.#keys.get(key);
    if (before !== undefined && now - before.at < REPORT_EVERY_MS) {
      before.failures += 1;
      return;
    }
    this.#keys.set(key, { at: now, failures: 0 });
    const others = before === undefined || before.failures === 0 ? '' : `; ${before.failures} ${what} failed before`;
    this.#report(new Error(`${describe()}${others}`));
  }
}
