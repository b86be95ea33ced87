import { checkedMessageKeys } from '../../core/model/push/push-secrets.js';
import { EncodingAesKey } from './encoding-aes-key.js';
import { EnvelopeRefused } from './envelope-refused.js';

export interface DecryptedMessage {
  readonly message: Buffer;
  /** The key that decrypted it, with which the reply must be encrypted. */
  readonly key: EncodingAesKey;
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
    this.#keys = checkedMessageKeys(keys, name).map((key) => new EncodingAesKey(key, name));
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
    for (const key of isCanonical ? this.#keys : []) {
      const message = key.decrypt(ciphertext, receiverId);
      if (message !== undefined) return { message, key };
    }
    throw new EnvelopeRefused(
      'the message was not encrypted with a key of this app, is meant for another receiver, or is damaged',
    );
  }
}
