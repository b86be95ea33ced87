import type { Lease } from '../model/store.js';

/** A lease that came with work. */
export interface Claim {
  readonly lease: Lease;
  /** The instant at which the lease was asked for, by the monotonic clock. */
  readonly askedAtMonotonic: number;
  /**
   * The instant from which a refresh may begin, by the monotonic clock: what was permitted together begins one after
   * the other.
   */
  readonly beginsAtMonotonic: number;
}
