import type { JsonValue } from './json.js';
import { isJsonObject } from './json.js';

const POLYNOMIAL = 0xedb88320;
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let remainder = index;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
  return remainder;
});
const encoder = new TextEncoder();
/** The buffer for texts of the usual length. Allocating one for each text would take as long as the checksum itself. */
const usual = new Uint8Array(4_096);
const MOST_BYTES_OF_A_CHARACTER = 3;

/**
 * Returns the CRC-32 (IEEE 802.3) of the text's UTF-8 form as eight hexadecimal digits. It reveals torn and damaged
 * documents.
 */
export function checksum(text: string): string {
  if (text.length * MOST_BYTES_OF_A_CHARACTER > usual.length) return checksumOfBytes(encoder.encode(text));
  const { written } = encoder.encodeInto(text, usual);
  const bytes = usual.subarray(0, written);
  const sum = checksumOfBytes(bytes);
  // The text may contain a secret, which must not stay in memory for longer than its document.
  bytes.fill(0);
  return sum;
}

function checksumOfBytes(bytes: Uint8Array): string {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = (TABLE[(remainder ^ byte) & 0xff] as number) ^ (remainder >>> 8);
  return ((remainder ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}

/**
 * Returns JSON in which the names of every object are sorted, because a store may return them in another order than it
 * was given.
 */
export function canonicalJson(value: JsonValue | undefined): string {
  if (Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value ?? null);
  let members = '';
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${quoted(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/**
 * The maximum number of cached names. Documents have few names, which each refresh writes and reads many times, but
 * users choose the names of params, so the cache needs a bound.
 */
const MAX_QUOTED = 1_000;
const quotedNames = new Map<string, string>();

function quoted(name: string): string {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  const text = JSON.stringify(name);
  if (quotedNames.size < MAX_QUOTED) quotedNames.set(name, text);
  return text;
}
