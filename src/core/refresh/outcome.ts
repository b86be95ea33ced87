import type { CachedRecord } from '../records/cached-record.js';
import type { InputToken } from './refresh-inputs.js';

/** The end of an attempt that has not failed: a record, or a reason to start the refresh again. */
export type Outcome = Done | Restart;

export interface Done {
  readonly kind: 'done';
  readonly record: CachedRecord;
}

/**
 * A reason to start the refresh again. `coolsDown`: the document forbids an attempt for now, and `RetryStates` knows
 * until when. `documentChanged`: the document or the registration has changed since the lease was granted.
 * `paramsWanted`: the store has nothing to send, but the params, which were not requested, may. `staleDependency`: a
 * token that the key depends on is stale.
 */
export type Restart =
  | { readonly kind: 'restart'; readonly because: 'coolsDown' | 'documentChanged' | 'paramsWanted' }
  | { readonly kind: 'restart'; readonly because: 'staleDependency'; readonly dependencies: readonly InputToken[] };

export const COOLS_DOWN: Restart = { kind: 'restart', because: 'coolsDown' };
export const START_AGAIN: Restart = { kind: 'restart', because: 'documentChanged' };
export const PARAMS_WANTED: Restart = { kind: 'restart', because: 'paramsWanted' };

export function done(record: CachedRecord): Done {
  return { kind: 'done', record };
}
