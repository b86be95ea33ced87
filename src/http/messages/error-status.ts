import { isTokenError, type TokenError } from '../../core/model/errors.js';
import { isTypeError } from '../../core/primitives/foreign-objects.js';

/** The one place that says which HTTP status, or `code` of an older contract, an error is. */
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

/** A failure as every contract tells it, in its own shape. */
export interface Failure {
  readonly status: number;
  readonly message: string;
  /** The code of a `TokenError`, where it is one. */
  readonly code?: string | undefined;
  readonly errcode?: number | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** Failures of the transport and the access check keep their HTTP status in the older contracts, which answer 200 otherwise. */
const TRANSPORT_STATUSES: ReadonlySet<number> = new Set([401, 403, 413, 429]);

export function olderStatusOf({ status, code }: Failure): number {
  return code === undefined && TRANSPORT_STATUSES.has(status) ? status : 200;
}

/** Returns what a caller is told: a TypeError is misuse, a `TokenError` keeps its message, anything else is a defect of ours. */
export function failureOf(error: unknown, now: number): Failure {
  if (isTokenError(error)) return tokenFailure(error, now);
  if (isTypeError(error)) return { status: 400, message: error.message };
  return { status: 500, message: 'the server has failed; its log has the reason' };
}

export function retryAfterOf({ retryAfterSeconds }: Failure): Readonly<Record<string, string>> | undefined {
  return retryAfterSeconds === undefined ? undefined : { 'Retry-After': String(retryAfterSeconds) };
}

function tokenFailure({ code, message, errcode, retryAt }: TokenError, now: number): Failure {
  const status = STATUS_OF_CODE.get(code) ?? 500;
  const retryAfterSeconds = retryAt === undefined ? undefined : Math.max(1, Math.ceil((retryAt - now) / 1_000));
  return { status, message, code, errcode, retryAfterSeconds };
}
