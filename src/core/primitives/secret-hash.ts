import { hash } from 'node:crypto';

const LENGTH = 32;

/**
 * Returns a hash that distinguishes secrets where they must not be stored: the first 128 bits of SHA-256, in
 * hexadecimal.
 */
export function secretHash(secret: string): string {
  return hash('sha256', secret, 'hex').slice(0, LENGTH);
}
