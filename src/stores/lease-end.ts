/** A lease may be asked for with another time to live than the one that it was granted for; none of this package is longer. */
export const LONGEST_LEASE_MS = 60_000;

/**
 * Returns how far ahead a held lease may end where one is asked for `ttlMs`. A lease that ends later was granted by a clock
 * that has been set back since, perhaps to a process that is gone, and counts as free.
 */
export function farthestLeaseEndMs(ttlMs: number): number {
  return Math.max(2 * ttlMs, LONGEST_LEASE_MS);
}
