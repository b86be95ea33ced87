import type { Clock } from '../../core/concurrency/clock.js';
import type { Closing } from '../../core/model/closing.js';
import { StoredWork } from '../work/stored-work.js';
import { AuthorizationChanges, type AuthorizationChangesParts } from './authorization-changes.js';
import type { AuthorizationKey } from './authorization-documents.js';

export interface AuthorizationWorkParts extends AuthorizationChangesParts {
  readonly clock: Clock;
  readonly closing: Closing;
  /** Handles a failure, after which the work is retried. */
  failed(key: AuthorizationKey, error: unknown): void;
}

const MAX_RETRY_MS = 10 * 60_000;

/** Runs the changes of authorizations that pushes have left to do, once in the fleet. */
export class AuthorizationWork extends StoredWork<AuthorizationKey> {
  constructor(parts: AuthorizationWorkParts) {
    const { documents, clock, closing } = parts;
    const changes = new AuthorizationChanges(parts);
    super({
      documents,
      clock,
      closing,
      maxRetryMs: MAX_RETRY_MS,
      nameOf: ({ component, authorizer }) => `${component}/${authorizer}`,
      work: (key) => changes.makeAll(key),
      failed: (key, error) => parts.failed(key, error),
    });
  }
}
