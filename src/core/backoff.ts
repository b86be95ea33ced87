import type { TokenError } from './errors.js';

export interface BackoffInput {
  /** How many attempts have failed in a row, this one included: 1 or more. */
  readonly attempts: number;
  /** The life of the token in force, in milliseconds; `undefined` without one. */
  readonly lifeMs: number | undefined;
  /** What is left to the token in force, in milliseconds; 0 or less when it has expired. */
  readonly leftMs: number;
  /** At least 0 and below 1. */
  readonly random: number;
}

const MIN_DELAY_MS = 200;
const MAX_DELAY_MS = 60_000;
const MAX_EXPONENT = 30;
/** While callers are turned away because of a passing failure, an attempt is made at least this often. */
export const MAX_WAIT_OF_CALLERS_MS = 5_000;
const SLOW_RETRY_MS = 600_000;
/** No error keeps a key waiting for longer, whatever it says. */
export const LONGEST_RETRY_MS: number = 24 * 3_600_000;

/** How long to wait after a failed attempt: exponential with full jitter, a function of its input alone. */
export function backoffDelayMs(input: BackoffInput): number {
  const firstMs = input.lifeMs === undefined ? MIN_DELAY_MS : Math.min(1_000, input.lifeMs / 20);
  const delay = fullJitterMs(input, firstMs, MAX_DELAY_MS);
  const beforeExpiry = input.leftMs > 0 ? Math.min(delay, input.leftMs / 2) : delay;
  return Math.round(Math.max(MIN_DELAY_MS, beforeExpiry));
}

/** At random between nothing and `firstMs`, twice that after the second attempt, and so on up to `maxMs`. */
export function fullJitterMs(
  { attempts, random }: Pick<BackoffInput, 'attempts' | 'random'>,
  firstMs: number,
  maxMs: number,
): number {
  return random * Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, MAX_EXPONENT));
}

/** When to try again after `error`: when it says so itself, slowly when somebody has to act first, else backing off. */
export function nextAttemptAt(error: TokenError, now: number, input: BackoffInput): number {
  if (saysWhen(error, now)) {
    return Math.round(Math.min(Math.max(error.retryAt, now + MIN_DELAY_MS), now + LONGEST_RETRY_MS));
  }
  if (!error.retryable && error.code !== 'UPSTREAM_UNAVAILABLE') return now + SLOW_RETRY_MS;
  return now + backoffDelayMs(input);
}

/** Whether the error says when to try again: a sensible instant that is to come. */
export function saysWhen(error: TokenError, now: number): error is TokenError & { readonly retryAt: number } {
  return error.retryAt !== undefined && Number.isFinite(error.retryAt) && error.retryAt > now;
}
