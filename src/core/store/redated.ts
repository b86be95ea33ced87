import { CLOCK_JUMP_MS } from '../concurrency/time-limits.js';
import type { StoredGrant } from './key-document.js';

/**
 * Returns a grant with its instants adjusted to the present clock: if the clock was set back, other processes must not
 * take the token for one that lives longer.
 *
 * @param leftMs - the remaining life of the token by the monotonic clock.
 */
export function redated(grant: StoredGrant, now: number, leftMs: number): StoredGrant {
  const lateMs = lateByMs(grant, now, leftMs);
  if (lateMs === 0) return grant;
  const { obtainedAt, expiresAt, dueAt } = grant;
  return { ...grant, obtainedAt: obtainedAt - lateMs, expiresAt: expiresAt - lateMs, dueAt: dueAt - lateMs };
}

/** Returns the time by which the expiry of a grant is too late on the present clock; 0 unless the clock was set back. */
export function lateByMs({ expiresAt }: Pick<StoredGrant, 'expiresAt'>, now: number, leftMs: number): number {
  const lateMs = Math.floor(expiresAt - now - leftMs);
  return lateMs <= CLOCK_JUMP_MS ? 0 : lateMs;
}
