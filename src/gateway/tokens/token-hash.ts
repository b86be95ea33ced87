import { hash } from 'node:crypto';

const BYTES = 16;

/** Returns the first 128 bits of a token's SHA-256, by which it is recognized without being kept. */
export function tokenHash(token: string): string {
  return hash('sha256', token, 'buffer').toString('base64url', 0, BYTES);
}
