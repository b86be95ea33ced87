import { mapMembers } from '../../core/primitives/assert-options.js';
import { isArray } from '../../core/primitives/foreign-objects.js';
import { EncodingAesKey } from './encoding-aes-key.js';
import { EnvelopeRefused } from './envelope-refused.js';

/** The most keys of one app. Two are needed while a key is replaced, and each costs time at a message that none can decrypt. */
const MAX_KEYS = 4;

export interface DecryptedMessage {
  readonly message: Buffer;
  /** The key that decrypted it, with which the reply must be encrypted. */
  readonly key: EncodingAesKey;
  /** The place of that key among all: 0 for the newest. */
  readonly keyIndex: number;
}

/** Holds the message keys of one app, the newest first: the others are kept while messages still come that need them. */
export class MessageKeys {
  readonly #keys: readonly EncodingAesKey[];

  /**
   * @param keys - one EncodingAESKey or an array of them, the newest first.
   * @param name - the name of the option, for messages.
   * @throws TypeError naming the key and what it must be, without any part of it.
   */
  constructor(keys: unknown, name: string) {
    const decode = (key: unknown, index: number): EncodingAesKey => new EncodingAesKey(key, `${name}[${index}]`);
    const decoded = isArray(keys) ? mapMembers(keys, name, decode, MAX_KEYS) : [new EncodingAesKey(keys, name)];
    if (decoded.length === 0) throw new TypeError(`${name} must contain at least one key, got an empty array`);
    for (const [index, key] of decoded.entries()) {
      const before = decoded.findIndex((other) => other.equals(key));
      if (before < index) throw new TypeError(`${name}[${index}] must be another key, got that of ${name}[${before}]`);
    }
    this.#keys = decoded;
  }

  /** Returns how many keys there are. */
  get count(): number {
    return this.#keys.length;
  }

  /**
   * Decrypts a message with the first key that can. Its signature must have been verified before.
   *
   * @param encrypt - the message in base64, as it came.
   * @throws EnvelopeRefused if no key can, the same for every reason.
   */
  decrypt(encrypt: string, receiverId: string): DecryptedMessage {
    const ciphertext = Buffer.from(encrypt, 'base64');
    // Only one spelling is accepted: the decoder would skip characters that are not in its alphabet.
    const isCanonical = ciphertext.toString('base64') === encrypt;
    for (const [keyIndex, key] of (isCanonical ? this.#keys : []).entries()) {
      const message = key.decrypt(ciphertext, receiverId);
      if (message !== undefined) return { message, key, keyIndex };
    }
    throw new EnvelopeRefused(
      'the message was not encrypted with a key of this app, is meant for another receiver, or is damaged',
    );
  }
}
