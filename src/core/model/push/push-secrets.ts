import { mapMembers } from '../../primitives/assert-options.js';
import { isArray } from '../../primitives/foreign-objects.js';
import { describeKind } from '../../primitives/redact.js';
import { assertNoStrayCharacter } from '../../primitives/stray-characters.js';

const TOKEN = /^[!-~]{1,64}$/;
/**
 * The pattern of a key: 32 bytes in base64 without the padding. The last two of its 258 bits mean nothing, and WeChat makes
 * keys in which they are not zero, so that any last character is accepted.
 */
const KEY = /^[A-Za-z0-9+/]{43}$/;
/** The most keys of one app. Two are needed while a key is replaced, and each costs time at a message that none can decrypt. */
const MAX_KEYS = 4;

/**
 * Checks a push token.
 *
 * @param name - the name of the option, for messages.
 * @throws TypeError naming the option, without any part of the token.
 */
export function checkedPushToken(token: unknown, name: string): string {
  if (typeof token === 'string') assertNoStrayCharacter(name, token);
  if (typeof token === 'string' && TOKEN.test(token)) return token;
  throw new TypeError(`${name} must be 1 to 64 characters of printable ASCII without spaces, got ${described(token)}`);
}

/**
 * Checks a message key.
 *
 * @param name - the name of the option, for messages.
 * @throws TypeError naming the option, what it must be, and the kind and length of the given value.
 */
export function checkedMessageKey(key: unknown, name: string): string {
  if (typeof key === 'string') assertNoStrayCharacter(name, key);
  if (typeof key === 'string' && KEY.test(key)) return key;
  throw new TypeError(`${name} must be 43 characters of A-Z a-z 0-9 + /, got ${described(key)}`);
}

/**
 * Checks the message keys of one app.
 *
 * @param keys - one key or an array of them, the newest first.
 * @param name - the name of the option, for messages.
 * @throws TypeError naming the key and what it must be, without any part of it.
 */
export function checkedMessageKeys(keys: unknown, name: string): readonly string[] {
  if (!isArray(keys)) return [checkedMessageKey(keys, name)];
  const checked = mapMembers(keys, name, (key, index) => checkedMessageKey(key, `${name}[${index}]`), MAX_KEYS);
  // The bits that mean nothing give a key four spellings.
  const bytes = checked.map((key) => Buffer.from(key, 'base64').toString('base64'));
  for (const [index, key] of bytes.entries()) {
    const before = bytes.indexOf(key);
    if (before < index) throw new TypeError(`${name}[${index}] must be another key, got that of ${name}[${before}]`);
  }
  return checked;
}

function described(secret: unknown): string {
  return typeof secret === 'string' && secret !== '' ? `a string of ${secret.length} characters` : describeKind(secret);
}
