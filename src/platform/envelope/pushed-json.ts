const OPENING_BRACE = 0x7b;
/** White space, and the bytes of a byte order mark. */
const BEFORE_CONTENT = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);

/** Returns whether what was pushed is JSON, as far as its beginning tells; else it is XML. */
export function isJson(bytes: Uint8Array): boolean {
  return bytes.find((byte) => !BEFORE_CONTENT.has(byte)) === OPENING_BRACE;
}

/**
 * Decodes JSON, without a byte order mark; returns `undefined` for bytes that are not UTF-8. A user may have sent the
 * character that stands for lost ones.
 */
export function textOfJson(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
