import type { Lease } from '../model/store.js';
import type { KeyDocument } from '../store/key-document.js';

/** A lease that the schedule has handed out together with what is due. */
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

/** A claim of a key with the document that its lease has shown, so that a refresh need not decode that once more. */
export interface OpenedClaim extends Claim {
  readonly document: KeyDocument;
}
