import type { Clock } from '../../core/concurrency/clock.js';
import { DampedReports } from '../failures/damped-reports.js';
import { failureReason } from '../failures/failure-reason.js';
import type { AuthorizationKey } from './authorization-documents.js';

/** Reports failures of authorizations. Thousands of a platform may fail for one reason, each again and again. */
export class FailureReports {
  readonly #reports: DampedReports;

  constructor(clock: Pick<Clock, 'monotonic'>, report: (error: Error) => void) {
    this.#reports = new DampedReports(clock, report);
  }

  note({ component, authorizer }: AuthorizationKey, error: unknown): void {
    const describe = (): string =>
      `the authorization of ${authorizer} for ${component} is not complete yet, and is retried: ${failureReason(error)}`;
    this.#reports.note(component, describe, 'attempts');
  }
}
