import { CLOCK_JUMP_MS } from '../concurrency/time-limits.js';
import type { StoredGrant } from './key-document.js';

/**
 * Returns a grant by the clock as it is now: one that was set back must not make it live longer for those who read it.
 *
 * @param leftMs - what is left of it by the monotonic clock.
 */
export function redated(grant: StoredGrant, now: number, leftMs: number): StoredGrant {
  const lateMs = Math.floor(grant.expiresAt - now - leftMs);
  if (lateMs <= CLOCK_JUMP_MS) return grant;
  const { obtainedAt, expiresAt, dueAt } = grant;
  return { ...grant, obtainedAt: obtainedAt - lateMs, expiresAt: expiresAt - lateMs, dueAt: dueAt - lateMs };
}
