const LOST = '\uFFFD';

/** Returns whether characters were lost from this text when it was decoded. */
export function isLossy(text: string): boolean {
  return text.includes(LOST);
}

/** Returns the text of bytes in UTF-8 without a byte order mark; `undefined` for bytes in another encoding. */
export function textOfUtf8(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(bytes);
  return isLossy(text) ? undefined : text;
}
