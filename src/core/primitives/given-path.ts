import { describeValue } from './redact.js';

/** Keys, secrets, URLs and JSON, one of which may be given where a path belongs. */
const SECRET = /:\/\/|^\s*\{|wtm_|whsec_|^[A-Za-z0-9+/]{43}=$|(?=[^/\\.]*\d)[A-Za-z0-9+=_-]{24,}/;

/** Returns whether what was given as a path may be a secret instead, which must not be shown. */
export function mayBeSecret(path: string): boolean {
  return SECRET.test(path);
}

/** Returns a path for a message; of what may be a secret, only its length. */
export function describePath(path: string): string {
  if (mayBeSecret(path)) return `what it was given, ${path.length} characters,`;
  return /^[\x21-\x7e]{1,200}$/.test(path) ? path : describeValue(path);
}
