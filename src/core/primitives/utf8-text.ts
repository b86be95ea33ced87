const LOST = '\uFFFD';

/** Returns whether characters of this text were lost when it was decoded. */
export function isLossy(text: string): boolean {
  return text.includes(LOST);
}

/** Decodes bytes as UTF-8 and drops a byte order mark; returns `undefined` for bytes in another encoding. */
export function textOfUtf8(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(bytes);
  return isLossy(text) ? undefined : text;
}
