import type { Clock } from '../../core/concurrency/clock.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';
import { isError } from '../../core/primitives/foreign-objects.js';
import { describeKind } from '../../core/primitives/redact.js';
import type { AuthorizationKey } from './authorization-documents.js';

interface Reported {
  /** The monotonic time of the last report. */
  readonly at: number;
  /** The number of failures since then. */
  failures: number;
}

const REPORT_EVERY_MS = 10 * 60_000;
const MAX_PLATFORMS = 1_000;

/**
 * Reports failures of authorizations: the first of a platform, and then one each ten minutes with the number of those in
 * between. Thousands of authorizations may fail for one reason, each again and again.
 */
export class FailureReports {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #report: (error: Error) => void;
  readonly #platforms = boundedCache<string, Reported>(MAX_PLATFORMS);

  constructor(clock: Pick<Clock, 'monotonic'>, report: (error: Error) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  note({ component, authorizer }: AuthorizationKey, error: unknown): void {
    const now = this.#clock.monotonic();
    const before = this.#platforms.get(component);
    if (before !== undefined && now - before.at < REPORT_EVERY_MS) {
      before.failures += 1;
      return;
    }
    this.#platforms.set(component, { at: now, failures: 0 });
    const reason = isError(error) ? error.message : `${describeKind(error)} was thrown`;
    const others = before === undefined || before.failures === 0 ? '' : `; ${before.failures} attempts failed before`;
    const what = `the authorization of ${authorizer} for ${component} is not complete yet, and is retried`;
    this.#report(new Error(`${what}: ${reason}${others}`));
  }
}
