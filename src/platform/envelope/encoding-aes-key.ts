import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { checkedMessageKey } from '../../core/model/push/push-secrets.js';
import { framed, isFrameLength, messageOf } from './message-frame.js';

const ALGORITHM = 'aes-256-cbc';
const IV_BYTES = 16;

/**
 * Encrypts and decrypts messages with one EncodingAESKey, by the scheme of
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html. The
 * key is held so that neither `inspect` nor JSON shows it.
 */
export class EncodingAesKey {
  readonly #secret: KeyObject;
  /** The initialization vector: the scheme has one for all messages, the beginning of the key itself. */
  readonly #iv: Buffer;

  /**
   * @param name - the name of the option, for messages.
   * @throws TypeError naming the option, what it must be, and the kind and length of the given value.
   */
  constructor(key: unknown, name: string) {
    const bytes = Buffer.from(checkedMessageKey(key, name), 'base64');
    this.#secret = createSecretKey(bytes);
    this.#iv = bytes.subarray(0, IV_BYTES);
  }

  /**
   * Encrypts a message, and returns it in base64.
   *
   * @param random - 16 unpredictable bytes.
   */
  encrypt(message: string | Uint8Array, receiverId: string, random: Uint8Array): string {
    const cipher = createCipheriv(ALGORITHM, this.#secret, this.#iv).setAutoPadding(false);
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    return Buffer.concat([cipher.update(framed(bytes, receiverId, random)), cipher.final()]).toString('base64');
  }

  /**
   * Returns a decrypted message; `undefined` if it was encrypted with another key or for another receiver, or is damaged.
   * The scheme has no authentication: the signature must have been verified before.
   */
  decrypt(ciphertext: Uint8Array, receiverId: string): Buffer | undefined {
    if (!isFrameLength(ciphertext.length)) return undefined;
    const decipher = createDecipheriv(ALGORITHM, this.#secret, this.#iv).setAutoPadding(false);
    return messageOf(Buffer.concat([decipher.update(ciphertext), decipher.final()]), receiverId);
  }
}
