import type { Failure } from '../messages/error-status.js';

/** Reports that a route cannot answer, with the failure for the caller. */
export class RouteFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export function badRequest(message: string): RouteFailure {
  return new RouteFailure({ status: 400, message });
}
