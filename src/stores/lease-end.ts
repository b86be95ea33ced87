/**
 * The longest lifetime of a lease in this package. A lease may be requested with another lifetime than the one that it
 * was granted for.
 */
export const LONGEST_LEASE_MS = 60_000;

/**
 * Returns how far in the future a held lease may expire when another one is requested for `ttlMs`. A lease that expires
 * later was granted before the clock was set back, possibly to a process that has ended, and counts as free.
 */
export function farthestLeaseEndMs(ttlMs: number): number {
  return Math.max(2 * ttlMs, LONGEST_LEASE_MS);
}
