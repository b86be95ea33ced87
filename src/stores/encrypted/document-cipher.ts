import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/primitives/json.js';
import { unreadable } from '../../core/store/document-codec.js';
import type { EncryptionKeys } from './encryption-keys.js';

const ALGORITHM = 'aes-256-gcm';
const ENVELOPE_VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID = /^[0-9a-f]{16}$/;

const NOT_ENCRYPTED = 'it is not encrypted';
const DAMAGED = 'its file is damaged';
const NOT_VERIFIED = 'its authentication tag does not verify: it was damaged, or copied from elsewhere';
const UNREAD_BENEATH = 'the store that holds it cannot read it';

/**
 * Converts the data of a document to an envelope and back: `{ encrypted: 1, keyId, iv, text }`, where `text` is the
 * ciphertext with the tag at its end, both in base64.
 *
 * The document's id is authenticated as well, so that an envelope cannot be decrypted under another id.
 */
export class DocumentCipher {
  readonly #keys: EncryptionKeys;
  readonly #acceptPlaintext: boolean;

  constructor(keys: EncryptionKeys, acceptPlaintext: boolean) {
    this.#keys = keys;
    this.#acceptPlaintext = acceptPlaintext;
  }

  encrypt(id: string, data: JsonObject): JsonObject {
    const { id: keyId, secret } = this.#keys.first;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, secret, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(id));
    const text = [cipher.update(JSON.stringify(data), 'utf8'), cipher.final(), cipher.getAuthTag()];
    return { encrypted: ENVELOPE_VERSION, keyId, iv: encode(iv), text: encode(Buffer.concat(text)) };
  }

  /** Returns whether the data was encrypted with the first key. */
  isCurrent({ encrypted, keyId }: JsonObject): boolean {
    return encrypted === ENVELOPE_VERSION && keyId === this.#keys.first.id;
  }

  /**
   * Returns the decrypted data, or data that tells why it cannot be read, so that one unreadable document does not fail a
   * whole batch.
   */
  decrypt(id: string, data: JsonObject): JsonObject {
    // The text of the inner store is not passed on, because it may quote the content.
    if (isUnreadable(data)) return unreadable(UNREAD_BENEATH);
    const { encrypted: version, keyId, iv, text } = data;
    if (isDamaged(data)) return unreadable(DAMAGED);
    if (version === undefined) return this.#acceptPlaintext ? data : unreadable(NOT_ENCRYPTED);
    if (typeof version === 'number' && version !== ENVELOPE_VERSION) {
      return unreadable(`its envelope has version ${version}; this release reads version ${ENVELOPE_VERSION}`);
    }
    if (version !== ENVELOPE_VERSION || typeof keyId !== 'string' || !KEY_ID.test(keyId)) {
      return unreadable(NOT_VERIFIED);
    }
    const key = this.#keys.withId(keyId);
    if (key === undefined) {
      return unreadable(`it was encrypted with a key that is not among the keys (key id ${keyId})`);
    }
    const json = open(id, key.secret, decode(iv), decode(text));
    return json === undefined ? unreadable(NOT_VERIFIED) : parse(json);
  }
}

/** Returns whether the data represents a document that could not be read. */
export function isUnreadable(data: JsonObject): boolean {
  return typeof data.unreadable === 'string';
}

/** Returns whether the data represents a torn file, which has nothing to do with encryption. */
function isDamaged(data: JsonObject): boolean {
  return typeof data.damaged === 'string' && Object.keys(data).length === 1;
}

/** Returns the text of an envelope if its tag proves that it is unchanged. */
function open(id: string, secret: KeyObject, iv: Buffer | undefined, sealed: Buffer | undefined): string | undefined {
  if (iv?.length !== IV_BYTES || sealed === undefined || sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, secret, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(id));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const text = decipher.update(sealed.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return text.toString();
}

/** Parses decrypted text. This store only encrypts JSON objects, but another program with the same key may encrypt anything. */
function parse(json: string): JsonObject {
  try {
    const data: unknown = JSON.parse(json);
    if (isJsonObject(data)) return data;
  } catch {
    // The error below describes the problem.
  }
  return unreadable('its decrypted content is not a JSON object');
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64');
}

/** Decodes base64 strictly. Only one spelling of each text is accepted, so that every changed character is noticed. */
function decode(base64: JsonValue | undefined): Buffer | undefined {
  if (typeof base64 !== 'string') return undefined;
  const bytes = Buffer.from(base64, 'base64');
  return encode(bytes) === base64 ? bytes : undefined;
}
