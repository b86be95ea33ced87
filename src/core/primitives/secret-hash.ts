import { hash } from 'node:crypto';

const LENGTH = 32;

/** Tells secrets apart where they must not be kept: the first 128 bits of SHA-256, in hex. */
export function secretHash(secret: string): string {
  return hash('sha256', secret, 'hex').slice(0, LENGTH);
}
