import { RateLimiter, RateLimiters } from './rate-limit.js';

const PER_SECOND = 20;
/** The share of one sender, so that a flood from one address does not use up the reads of all others. */
const PER_SECOND_OF_SENDER = 10;
const MAX_SENDERS = 10_000;

/**
 * Limits the reads of the store that senders cause without any credential, and that find nothing. Reads that find something need
 * no limit, since what they find is in memory afterwards.
 */
export class VainReads {
  readonly #all = new RateLimiter(PER_SECOND, PER_SECOND);
  readonly #ofSenders = new RateLimiters(PER_SECOND_OF_SENDER, MAX_SENDERS, PER_SECOND_OF_SENDER);

  /**
   * Reserves a read.
   *
   * @param sender - the network of the sender; `''` if it is unknown, so that it has no share of its own.
   * @param now - the monotonic time in milliseconds.
   * @returns a function that returns the read, to be called if something was found; `undefined` if no read is left.
   */
  reserve(sender: string, now: number): (() => void) | undefined {
    const ofSender = sender === '' ? undefined : this.#ofSenders.of(sender);
    if (ofSender !== undefined && ofSender.reserve(now) > 0) return undefined;
    if (this.#all.reserve(now) > 0) {
      ofSender?.refund();
      return undefined;
    }
    return () => {
      ofSender?.refund();
      this.#all.refund();
    };
  }
}
