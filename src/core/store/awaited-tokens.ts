import { HOLDERS_LOOK_WITHIN_MS } from '../concurrency/time-limits.js';
import { TokenError } from '../model/errors.js';
import type { TokenKey } from '../model/token-key.js';
import type { KeyDocument } from './key-document.js';

/**
 * Returns until when a process that holds a refresh token may still put it back, because the store has lost it; 0 where there
 * is one, or nothing was lost.
 *
 * @param replacedMsAgo - how long ago this process found the store replaced.
 */
export function tokenAwaitedUntil(
  { rotation, lostAt = Number.NEGATIVE_INFINITY }: KeyDocument,
  replacedMsAgo: number,
  now: number,
): number {
  if (rotation?.token !== undefined) return 0;
  // An instant from the future was written before the clock was set back.
  const foundAt = Math.max(lostAt > now ? Number.NEGATIVE_INFINITY : lostAt, now - replacedMsAgo);
  const until = Math.round(foundAt + HOLDERS_LOOK_WITHIN_MS);
  return until > now ? until : 0;
}

/**
 * Returns an error that does not ask the user to authorize again yet: what was refused may be older than what another process holds.
 */
export function unsettledRefusal(key: TokenKey, error: TokenError, until: number): TokenError {
  if (error.code !== 'REAUTHORIZATION_REQUIRED') return error;
  const { errcode, errmsg, rid } = error;
  const message = `${error.message}; the store has lost what it held, and another process may still put back a newer refresh token`;
  const facts = { ...key, errcode, errmsg, rid, retryAt: until, retryable: true };
  return new TokenError('UPSTREAM_UNAVAILABLE', message, facts);
}
