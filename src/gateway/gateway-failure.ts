/**
 * The reasons for which the gateway has no answer of WeChat: a limit is reached, WeChat cannot be reached, the connection broke
 * or its answer may not be passed on, it did not answer in time, a header or the body of the caller is unusable, the caller has
 * gone, or the manager is closed.
 */
export type GatewayFailureReason =
  | 'limit'
  | 'unreachable'
  | 'answer'
  | 'timeout'
  | 'header'
  | 'body'
  | 'gone'
  | 'closed';

const STATUSES: Readonly<Record<GatewayFailureReason, number>> = {
  limit: 429,
  unreachable: 502,
  answer: 502,
  timeout: 504,
  header: 400,
  body: 400,
  gone: 400,
  closed: 503,
};

/** Reports that a call got no answer of WeChat. The message names no token and no query. */
export class GatewayFailure extends Error {
  override readonly name: string = 'GatewayFailure';
  readonly reason: GatewayFailureReason;
  /** The HTTP status of the answer to the caller. */
  readonly status: number;

  constructor(reason: GatewayFailureReason, message: string) {
    super(message);
    this.reason = reason;
    this.status = STATUSES[reason];
  }
}

/** Returns the failure of a call whose caller has ended the connection. */
export function callerGone(): GatewayFailure {
  return new GatewayFailure('gone', 'the caller has gone');
}

/** Returns the failure of a call whose caller has paused for too long in the middle of its body. */
export function bodyTooSlow(): GatewayFailure {
  return new GatewayFailure('body', 'the body did not arrive in time');
}
