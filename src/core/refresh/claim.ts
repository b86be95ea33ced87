import type { Lease } from '../model/store.js';

/** A lease that came with work. */
export interface Claim {
  readonly lease: Lease;
  /** When it was asked for, by the monotonic clock. */
  readonly askedAtMonotonic: number;
  /** When a refresh may begin, by the monotonic clock: what was permitted together begins one after the other. */
  readonly beginsAtMonotonic: number;
}
