import { HOLDERS_LOOK_WITHIN_MS } from '../concurrency/time-limits.js';
import { TokenError } from '../model/errors.js';
import type { TokenKey } from '../model/token-key.js';
import type { KeyDocument } from './key-document.js';

/**
 * Returns the instant until which another process may still put back a newer refresh token than the store has; 0 if
 * nothing was lost, or if the grant beside the stored one was obtained since.
 *
 * @param replacedAt - the instant at which the store was last found to be replaced; negative infinity if it never was.
 */
export function tokenAwaitedUntil({ rotation, grant, lostAt }: KeyDocument, replacedAt: number, now: number): number {
  const isStored = rotation?.token !== undefined;
  if (isStored && grant !== undefined && grant.obtainedAt > replacedAt) return 0;
  // An instant in the future was written before the clock was set back, and is ignored.
  const isLost = !isStored && lostAt !== undefined && lostAt <= now;
  const foundAt = isLost ? Math.max(lostAt, replacedAt) : replacedAt;
  const until = Math.round(foundAt + HOLDERS_LOOK_WITHIN_MS);
  return until > now ? until : 0;
}

/**
 * Returns an error that does not ask the user to authorize again yet, because another process may have a newer refresh
 * token than the one that was refused.
 */
export function unsettledRefusal(key: TokenKey, error: TokenError, until: number): TokenError {
  const { errcode, errmsg, rid } = error;
  const message = `${error.message}; the store may have lost data, and another process may still put back a newer refresh token`;
  const facts = { ...key, errcode, errmsg, rid, retryAt: until, retryable: true };
  return new TokenError('UPSTREAM_UNAVAILABLE', message, facts);
}
