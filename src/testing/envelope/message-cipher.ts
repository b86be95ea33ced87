import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { describeKind } from '../../core/primitives/redact.js';
import { assertNoStrayCharacter } from '../../core/primitives/stray-characters.js';

/** A message as it was encrypted. */
export interface Decrypted {
  readonly message: Buffer;
  /** The id that ends the text in clear. */
  readonly receiverId: string;
}

const RANDOM_BYTES = 16;
const HEAD_BYTES = 20;
const PADDED_TO = 32;
const KEY_LENGTH = 43;

/** Encrypts and decrypts messages with an EncodingAESKey, without any of the code of the receiver. */
export class MessageCipher {
  readonly #key: KeyObject;
  readonly #iv: Buffer;

  /** @throws TypeError that shows nothing of the key. */
  constructor(encodingAesKey: unknown) {
    if (typeof encodingAesKey === 'string') assertNoStrayCharacter('encodingAesKey', encodingAesKey);
    if (typeof encodingAesKey !== 'string' || !/^[A-Za-z0-9+/]{43}$/.test(encodingAesKey)) {
      throw new TypeError(
        `encodingAesKey must be ${KEY_LENGTH} characters of base64, got ${described(encodingAesKey)}`,
      );
    }
    const bytes = Buffer.from(`${encodingAesKey}=`, 'base64');
    this.#key = createSecretKey(bytes);
    this.#iv = bytes.subarray(0, 16);
  }

  /** Returns an encrypted message in base64. */
  encrypt(message: Uint8Array, receiverId: string): string {
    const receiver = Buffer.from(receiverId);
    const length = HEAD_BYTES + message.length + receiver.length;
    const padding = PADDED_TO - (length % PADDED_TO);
    const clear = Buffer.alloc(length + padding, padding);
    randomBytes(RANDOM_BYTES).copy(clear);
    clear.writeUInt32BE(message.length, RANDOM_BYTES);
    clear.set(message, HEAD_BYTES);
    clear.set(receiver, HEAD_BYTES + message.length);
    const cipher = createCipheriv('aes-256-cbc', this.#key, this.#iv).setAutoPadding(false);
    return cipher.update(clear, undefined, 'base64') + cipher.final('base64');
  }

  /** Returns a decrypted message; `undefined` for what was encrypted with another key, or is no encrypted message. */
  decrypt(encrypt: string): Decrypted | undefined {
    const sealed = Buffer.from(encrypt, 'base64');
    if (sealed.toString('base64') !== encrypt || sealed.length === 0 || sealed.length % PADDED_TO !== 0)
      return undefined;
    const decipher = createDecipheriv('aes-256-cbc', this.#key, this.#iv).setAutoPadding(false);
    const clear = Buffer.concat([decipher.update(sealed), decipher.final()]);
    const padding = clear[clear.length - 1] ?? 0;
    const end = clear.length - padding;
    const isPadded = padding > 0 && padding <= PADDED_TO && clear.subarray(end).every((byte) => byte === padding);
    const messageEnd = HEAD_BYTES + clear.readUInt32BE(RANDOM_BYTES);
    if (!isPadded || messageEnd > end) return undefined;
    return { message: clear.subarray(HEAD_BYTES, messageEnd), receiverId: clear.toString('utf8', messageEnd, end) };
  }
}

function described(key: unknown): string {
  return typeof key === 'string' && key !== '' ? `a string of ${key.length} characters` : describeKind(key);
}
