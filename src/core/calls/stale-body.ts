import { bytesIn, memberOf } from '../primitives/foreign-objects.js';

const MAX_LENGTH = 65_536;
const OPENING_BRACE = 0x7b;
/** The bytes of the UTF-8 byte order mark and of JSON white space. */
const SKIPPED: ReadonlySet<number | undefined> = new Set([0xef, 0xbb, 0xbf, 0x20, 0x09, 0x0a, 0x0d]);
/** WeChat's codes for a token that is invalid or has expired. */
const STALE_ERRCODES: ReadonlySet<number> = new Set([40001, 40014, 42001]);

/** Returns the first byte after a byte order mark and white space; `undefined` if there is nothing else. */
export function firstByteOf(bytes: Uint8Array): number | undefined {
  return bytes.find((byte) => !SKIPPED.has(byte));
}

export function isStaleCode(code: unknown): boolean {
  if (typeof code === 'string') return /^\d{5}$/.test(code) && STALE_ERRCODES.has(Number(code));
  return typeof code === 'number' && STALE_ERRCODES.has(code);
}

/**
 * Returns whether a body that an HTTP client has returned (parsed, as text or as bytes) has the errcode of a stale
 * token.
 */
export function isStaleBody(body: unknown): boolean {
  if (typeof body === 'string') return staleVerdict(body) === true;
  const bytes = bytesIn(body);
  if (bytes === undefined) return isStaleCode(memberOf(body, 'errcode'));
  if (bytes.length > MAX_LENGTH || firstByteOf(bytes) !== OPENING_BRACE) return false;
  return staleVerdict(new TextDecoder().decode(bytes)) === true;
}

/**
 * Returns whether the beginning of a body is an answer for a stale token; `undefined` if more of the body has to be
 * read. A byte order mark and white space before it are skipped.
 */
export function staleVerdict(beginning: string): boolean | undefined {
  if (beginning.length > MAX_LENGTH) return false;
  const text = beginning.trim();
  if (text === '') return undefined;
  if (!text.startsWith('{')) return false;
  if (!text.endsWith('}')) return undefined;
  try {
    return isStaleCode(memberOf(JSON.parse(text), 'errcode'));
  } catch {
    return undefined;
  }
}
