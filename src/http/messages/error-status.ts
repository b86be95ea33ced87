import { isTokenError, type TokenError } from '../../core/model/errors.js';
import { isTypeError } from '../../core/primitives/foreign-objects.js';

/** The HTTP statuses by error code, which older contracts report as `code`. */
const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map(
  Object.entries({
    NOT_REGISTERED: 404,
    INPUT_MISSING: 424,
    UPSTREAM_REJECTED: 502,
    UPSTREAM_UNAVAILABLE: 503,
    STORE_UNAVAILABLE: 503,
    REFRESH_DISABLED: 503,
    CLOSED: 503,
    TIMEOUT: 504,
    QUOTA_EXHAUSTED: 429,
    REAUTHORIZATION_REQUIRED: 409,
  }),
);

/** A failure, which each contract reports in its own format. */
export interface Failure {
  readonly status: number;
  readonly message: string;
  /** The code of the error if it is a `TokenError`. */
  readonly code?: string | undefined;
  readonly errcode?: number | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/**
 * The statuses of failures of the transport and the access check, which older contracts keep although they otherwise
 * answer with 200.
 */
const TRANSPORT_STATUSES: ReadonlySet<number> = new Set([401, 403, 408, 413, 429]);

export function olderStatusOf({ status, code }: Failure): number {
  return code === undefined && TRANSPORT_STATUSES.has(status) ? status : 200;
}

/**
 * Returns the failure that a caller gets: a TypeError is misuse, a `TokenError` keeps its message, and any other error is
 * a defect.
 */
export function failureOf(error: unknown, now: number): Failure {
  if (isTokenError(error)) return tokenFailure(error, now);
  if (isTypeError(error)) return { status: 400, message: error.message };
  return { status: 500, message: 'internal error; see the server log for the reason' };
}

export function retryAfterOf({ retryAfterSeconds }: Failure): Readonly<Record<string, string>> | undefined {
  return retryAfterSeconds === undefined ? undefined : { 'Retry-After': String(retryAfterSeconds) };
}

function tokenFailure({ code, message, errcode, retryAt }: TokenError, now: number): Failure {
  const status = STATUS_OF_CODE.get(code) ?? 500;
  const retryAfterSeconds = retryAt === undefined ? undefined : Math.max(1, Math.ceil((retryAt - now) / 1_000));
  return { status, message, code, errcode, retryAfterSeconds };
}
