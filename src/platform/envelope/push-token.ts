import { hash, timingSafeEqual } from 'node:crypto';
import { checkedPushToken } from '../../core/model/push/push-secrets.js';

/** The parts of a push that its signature covers, as they came. */
export interface SignedParts {
  /** The time in seconds since the epoch. */
  readonly timestamp: string;
  readonly nonce: string;
  /** The encrypted message. Without it the signature is the one that WeChat calls `signature`, with it `msg_signature`. */
  readonly encrypt?: string | undefined;
}

const SIGNATURE = /^[0-9a-f]{40}$/;
/**
 * The signed text has no separators, so that digits could be moved from the nonce to the timestamp. A timestamp has ten
 * digits until the year 2286, and only exactly ten are accepted.
 */
const TIMESTAMP = /^[1-9][0-9]{9}$/;
const NONCE = /^[\x21-\x7e]{1,128}$/;

/** Signs pushes and replies, and verifies their signatures, with the token that is set beside the URL in WeChat's console. */
export class PushToken {
  readonly #token: string;

  /**
   * @param name - the name of the option, for messages.
   * @throws TypeError naming the option, without any part of the token.
   */
  constructor(token: unknown, name: string) {
    this.#token = checkedPushToken(token, name);
  }

  /** Returns the signature of these parts in hexadecimal. */
  sign({ timestamp, nonce, encrypt }: SignedParts): string {
    const parts = [this.#token, timestamp, nonce, ...(encrypt === undefined ? [] : [encrypt])];
    return hash('sha1', parts.sort().join(''), 'hex');
  }

  /** Returns whether a signature is that of these parts. The comparison takes the same time for every wrong signature. */
  verify(parts: SignedParts, signature: string): boolean {
    if (!TIMESTAMP.test(parts.timestamp) || !NONCE.test(parts.nonce) || !SIGNATURE.test(signature)) return false;
    return timingSafeEqual(Buffer.from(signature), Buffer.from(this.sign(parts)));
  }
}
