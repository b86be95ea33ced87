import { randomBytes } from 'node:crypto';

/**
 * The state of a token: `expired` is answered with WeChat's 42001, and `invalid` with 40001 if the token was superseded,
 * withdrawn or never issued.
 */
export type FakeTokenState = 'valid' | 'expired' | 'invalid';

/** A token or ticket in an answer. */
export interface FakeIssue {
  readonly value: string;
  /** The remaining lifetime in whole seconds. */
  readonly expiresInSeconds: number;
}

/** A record of the issued values and their validity. */
export interface FakeBook {
  isValid(value: string): boolean;
  /** Makes a value expire now. Values of other books are ignored. */
  expire(value: string): void;
}

const RENEWAL_WINDOW_MS = 300_000;
/** The shortest lifetime that an answer can contain, since lifetimes are whole seconds. */
const LEAST_LIFE_MS = 1_000;

export function showIssue({ value, expiresAt }: { value: string; expiresAt: number }, now: number): FakeIssue {
  return { value, expiresInSeconds: Math.max(1, Math.floor((expiresAt - now) / 1_000)) };
}

/** Returns whether a value that WeChat repeats while it is valid expires so soon that the next call obtains a new one. */
export function isNearItsEnd(expiresAt: number, now: number, lifeMs: number): boolean {
  return expiresAt - now < Math.max(LEAST_LIFE_MS, Math.min(RENEWAL_WINDOW_MS, lifeMs / 2));
}

export function randomValue(prefix: string): string {
  return prefix + randomBytes(24).toString('hex');
}
