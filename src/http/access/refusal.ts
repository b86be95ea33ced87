/** Why a request is refused, in one word, for what is counted. */
export type RefusalReason = 'noKey' | 'unknownKey' | 'browser' | 'host' | 'callback' | 'scope' | 'app' | 'tooMany';

/** What a caller is told who may not do something. */
export interface Refusal {
  readonly status: 401 | 403 | 429;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}
