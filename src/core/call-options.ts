import { assertNumber } from './assert-options.js';
import type { IsStale } from './call.js';
import { MAX_TIMEOUT_MS } from './options.js';
import { describeKind, describeValue } from './redact.js';

/**
 * Which of an app's tokens is meant.
 *
 * @public
 */
export interface SubjectOptions {
  /** Whom the token speaks for, when that is not the app itself. */
  readonly subject?: string | undefined;
}

/**
 * @public
 */
export interface WaitOptions extends SubjectOptions {
  /** How long to wait, in milliseconds: 0 to 2,147,483,647. Default: the manager's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** Ends the waiting with the signal's reason. The refresh, which others share, goes on. */
  readonly signal?: AbortSignal;
}

/**
 * @public
 */
export interface GetOptions extends WaitOptions {
  /**
   * Wishes for a token with more than so many milliseconds left: 0 or more. Where that cannot be had, the one that lives
   * longest is answered. It starts at most one refresh of a key in 30 s.
   */
  readonly minValidityMs?: number;
}

/**
 * Exactly one of `stale` and `force`.
 *
 * @public
 */
export type RefreshCallOptions = WaitOptions &
  (
    | {
        /** The value that was seen rejected: it is replaced only if it still is the current one. */
        readonly stale: string;
        readonly force?: never;
      }
    | {
        /** Replaces the current value, whatever it is. */
        readonly force: true;
        readonly stale?: never;
      }
  );

/**
 * @public
 */
export interface CallOptions extends WaitOptions {
  /**
   * Says whether an outcome means that the token was stale. Default: `errcode` 40001, 40014 or 42001 of the result or its
   * `data`, of a JSON `Response`, or in `errcode`, `code` or `response.data` of a thrown error.
   */
  readonly isStale?: IsStale;
}

/**
 * @throws TypeError unless exactly one of `stale` and `force` is given, and is what it must be.
 */
export function assertStaleOrForce({ stale, force }: RefreshCallOptions): void {
  if ((stale === undefined) === (force === undefined)) {
    throw new TypeError(
      `refresh takes exactly one of stale and force, got ${stale === undefined ? 'neither' : 'both'}`,
    );
  }
  if (force !== undefined && force !== true) throw new TypeError(`force must be true, got ${describeValue(force)}`);
  if (stale !== undefined && (typeof stale !== 'string' || stale === '')) {
    throw new TypeError(`stale must be the token that was rejected, got ${describeKind(stale)}`);
  }
}

/**
 * @throws TypeError naming the option.
 */
export function assertWait(timeoutMs: unknown, signal: unknown): void {
  if (timeoutMs !== undefined) assertNumber('timeoutMs', timeoutMs, 0, MAX_TIMEOUT_MS);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`signal must be an AbortSignal, got ${describeKind(signal)}`);
  }
}
