import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import { isArray } from '../../core/primitives/foreign-objects.js';
import { describeKind } from '../../core/primitives/redact.js';
import { assertNoStrayCharacter } from '../../core/primitives/stray-characters.js';

/**
 * 32 unguessable bytes, as they are or as text: 64 hex digits, 44 characters of base64, or 43 of base64url
 * without padding. `openssl rand -hex 32` makes one.
 *
 * @public
 */
export type EncryptionKey = Uint8Array | string;

/** A key, with the id that envelopes contain. */
export interface NamedKey {
  readonly id: string;
  readonly secret: KeyObject;
}

const KEY_BYTES = 32;
const KEY_FORMS = '32 bytes, as a Uint8Array, as 64 hex digits, or as base64 (44 characters; 43 of base64url)';
const HEX = /^[0-9A-Fa-f]{64}$/;
/** The pattern of 32 bytes in base64. The last character holds four bits, and its other two are zero. */
const BASE64 = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const BASE64URL = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const NAMED_BY = 'wechat-token-manager key id';
const ID_LENGTH = 16;

/** Holds the keys of a store: the first encrypts, all of them decrypt. */
export class EncryptionKeys {
  readonly first: NamedKey;
  readonly #byId = new Map<string, NamedKey>();

  /** @throws TypeError naming the key, what it must be, and the kind and length of the given value. */
  constructor(keys: unknown) {
    if (!isArray(keys)) throw new TypeError(`keys must be an array, got ${describeKind(keys)}`);
    const named = Array.from(keys, (key: unknown, index) => namedKey(key, `keys[${index}]`));
    for (const [index, key] of named.entries()) {
      if (this.#byId.has(key.id)) {
        const before = named.findIndex(({ id }) => id === key.id);
        throw new TypeError(`keys[${index}] must be another key, got that of keys[${before}]`);
      }
      this.#byId.set(key.id, key);
    }
    const [first] = named;
    if (first === undefined) throw new TypeError('keys must contain at least one key, got an empty array');
    this.first = first;
  }

  /** Returns the key with this id. */
  withId(id: string): NamedKey | undefined {
    return this.#byId.get(id);
  }
}

/** Derives the id of a key from the key without revealing it, so that keys need no names, which could be wrong. */
function namedKey(key: unknown, name: string): NamedKey {
  const bytes = bytesOf(key);
  if (typeof key === 'string') assertNoStrayCharacter(name, key);
  if (bytes?.length !== KEY_BYTES) throw new TypeError(`${name} must be ${KEY_FORMS}, got ${describeKey(key)}`);
  // This copies the key to an object that neither `inspect` nor JSON shows.
  const secret = createSecretKey(bytes);
  return { id: createHmac('sha256', secret).update(NAMED_BY).digest('hex').slice(0, ID_LENGTH), secret };
}

function bytesOf(key: unknown): Uint8Array | undefined {
  if (isUint8Array(key)) return key;
  if (typeof key !== 'string') return undefined;
  if (HEX.test(key)) return Buffer.from(key, 'hex');
  if (BASE64.test(key)) return Buffer.from(key, 'base64');
  return BASE64URL.test(key) ? Buffer.from(key, 'base64url') : undefined;
}

function describeKey(key: unknown): string {
  if (isUint8Array(key)) return `${key.length} bytes`;
  return typeof key === 'string' && key !== '' ? `a string of ${key.length} characters` : describeKind(key);
}
