import { describeValue } from './redact.js';

/** The forms of keys, secrets, URLs and JSON, one of which a user may pass by mistake in place of a path. */
const SECRET = /:\/\/|^\s*\{|wtm_|whsec_|^[A-Za-z0-9+/]{43}=$|(?=[^/\\.]*\d)[A-Za-z0-9+=_-]{24,}/;

/** Returns whether a text that was passed as a path may be a secret, which must not be shown. */
export function mayBeSecret(path: string): boolean {
  return SECRET.test(path);
}

/** Returns a description of a path for a message; for a text that may be a secret, it contains only the length. */
export function describePath(path: string): string {
  if (mayBeSecret(path)) return `what it was given, ${path.length} characters,`;
  return /^[\x21-\x7e]{1,200}$/.test(path) ? path : describeValue(path);
}
