/** The names that are accepted, a part of those of XML: no colon, since no name has a namespace here. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
/** All characters that XML 1.0 does not allow, not even as a numeric reference. */
const FORBIDDEN = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
const NOT_WHITE = /[^ \t\r\n]/;

/** Returns whether elements may have this name. */
export function isXmlName(text: string): boolean {
  return NAME.test(text);
}

/** Returns the place of the first character that XML does not allow; -1 if there is none. */
export function forbiddenAt(text: string): number {
  return text.search(FORBIDDEN);
}

/** Returns whether a text consists of what XML calls white space, or is empty. */
export function isWhite(text: string): boolean {
  return !NOT_WHITE.test(text);
}
