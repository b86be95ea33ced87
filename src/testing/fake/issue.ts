import { randomBytes } from 'node:crypto';

/** `expired` is WeChat's 42001, `invalid` its 40001: superseded, withdrawn or never issued. */
export type FakeTokenState = 'valid' | 'expired' | 'invalid';

/** A token or ticket as an answer shows it. */
export interface FakeIssue {
  readonly value: string;
  /** The rest of its life, in whole seconds. */
  readonly expiresInSeconds: number;
}

/** A record of the values that were issued, and of which of them are good. */
export interface FakeBook {
  isValid(value: string): boolean;
  /** Lets a value end now; nothing happens to one of another book. */
  expire(value: string): void;
}

const RENEWAL_WINDOW_MS = 300_000;
/** The least that an answer can tell: its lifetimes are whole seconds. */
const LEAST_LIFE_MS = 1_000;

export function showIssue({ value, expiresAt }: { value: string; expiresAt: number }, now: number): FakeIssue {
  return { value, expiresInSeconds: Math.max(1, Math.floor((expiresAt - now) / 1_000)) };
}

/** Tells whether what WeChat repeats while it is good has come so near its end that the next call makes another. */
export function isNearItsEnd(expiresAt: number, now: number, lifeMs: number): boolean {
  return expiresAt - now < Math.max(LEAST_LIFE_MS, Math.min(RENEWAL_WINDOW_MS, lifeMs / 2));
}

export function randomValue(prefix: string): string {
  return prefix + randomBytes(24).toString('hex');
}
