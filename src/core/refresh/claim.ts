import type { Lease } from '../model/store.js';
import type { KeyDocument } from '../store/key-document.js';

/** A lease that the schedule has granted together with a due key. */
export interface Claim {
  readonly lease: Lease;
  /** The instant at which the lease was requested, by the monotonic clock. */
  readonly askedAtMonotonic: number;
  /**
   * The instant from which the refresh may begin, by the monotonic clock. Refreshes whose permits were reserved
   * together begin one after the other.
   */
  readonly beginsAtMonotonic: number;
}

/** A claim of a key with the document that was read with the lease, so that the refresh need not decode it again. */
export interface OpenedClaim extends Claim {
  readonly document: KeyDocument;
}
