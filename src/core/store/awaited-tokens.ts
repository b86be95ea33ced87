import { HOLDERS_LOOK_WITHIN_MS } from '../concurrency/time-limits.js';
import { TokenError } from '../model/errors.js';
import type { TokenKey } from '../model/token-key.js';
import type { KeyDocument } from './key-document.js';

/**
 * Returns the instant until which another process may still put back a refresh token that the store has lost; 0 if
 * there is a refresh token, or if nothing was lost.
 *
 * @param replacedMsAgo - the time since this process found that the store was replaced.
 */
export function tokenAwaitedUntil(
  { rotation, lostAt = Number.NEGATIVE_INFINITY }: KeyDocument,
  replacedMsAgo: number,
  now: number,
): number {
  if (rotation?.token !== undefined) return 0;
  // An instant in the future was written before the clock was set back, and is ignored.
  const foundAt = Math.max(lostAt > now ? Number.NEGATIVE_INFINITY : lostAt, now - replacedMsAgo);
  const until = Math.round(foundAt + HOLDERS_LOOK_WITHIN_MS);
  return until > now ? until : 0;
}

/**
 * Returns an error that does not ask the user to authorize again yet, because another process may have a newer refresh
 * token than the one that was refused.
 */
export function unsettledRefusal(key: TokenKey, error: TokenError, until: number): TokenError {
  if (error.code !== 'REAUTHORIZATION_REQUIRED') return error;
  const { errcode, errmsg, rid } = error;
  const message = `${error.message}; the store has lost what it held, and another process may still put back a newer refresh token`;
  const facts = { ...key, errcode, errmsg, rid, retryAt: until, retryable: true };
  return new TokenError('UPSTREAM_UNAVAILABLE', message, facts);
}
