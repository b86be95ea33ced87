import type { TokenError } from './errors.js';
import type { FailureFacts } from './failure-facts.js';

export interface BackoffInput {
  /** The number of attempts that have failed in a row, this one included: 1 or more. */
  readonly attempts: number;
  /** The life of the token in force, in milliseconds; `undefined` without one. */
  readonly lifeMs: number | undefined;
  /** The remaining life of the token in force, in milliseconds; 0 or less when it has expired. */
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
/** While a token lives, refusals are at least this far apart: the lesser of this and a part of its life. */
const LONGEST_GAP_MS = 30_000;
const GAPS_IN_A_LIFE = 240;
/** A limit by the minute ends within this time: 60 s, and 5 s of spread. */
const MINUTE_LIMIT_MS = 65_000;
const FIRST_CONFIRMATION = 89_501;
const LAST_CONFIRMATION = 89_507;

/** Returns the delay after a failed attempt, in milliseconds: exponential with full jitter, a function of its input alone. */
export function backoffDelayMs(input: BackoffInput): number {
  const firstMs = input.lifeMs === undefined ? MIN_DELAY_MS : Math.min(1_000, input.lifeMs / 20);
  const delay = fullJitterMs(input, firstMs, MAX_DELAY_MS);
  const beforeExpiry = input.leftMs > 0 ? Math.min(delay, input.leftMs / 2) : delay;
  return Math.round(Math.max(MIN_DELAY_MS, beforeExpiry));
}

/** Returns a random delay of up to `firstMs`, of up to twice that after the second attempt, and so on up to `maxMs`. */
export function fullJitterMs(
  { attempts, random }: Pick<BackoffInput, 'attempts' | 'random'>,
  firstMs: number,
  maxMs: number,
): number {
  return random * Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, MAX_EXPONENT));
}

/** The state of a key when an attempt for it has failed. */
export interface FailedAttempt extends BackoffInput {
  /** The failure before this one, of the same input; `undefined` without one. */
  readonly before: Pick<FailureFacts, 'code' | 'errcode'> | undefined;
}

/**
 * Returns when to try again after `error`. While a token lives, a refusal is asked about again before that token ends; the
 * cool-downs begin with its end.
 */
export function nextAttemptAt(error: TokenError, now: number, attempt: FailedAttempt): number {
  const coolDownAt = coolDownEnd(error, now, attempt);
  if (!(attempt.leftMs > 0)) return coolDownAt;
  const inMs = whileTokenLivesMs(error, coolDownAt - now, attempt);
  return Math.round(now + Math.max(MIN_DELAY_MS, inMs));
}

/** Returns the end of the cool-down of a key that has no token. */
function coolDownEnd(error: TokenError, now: number, input: BackoffInput): number {
  if (saysWhen(error, now)) {
    return Math.round(Math.min(Math.max(error.retryAt, now + MIN_DELAY_MS), now + LONGEST_RETRY_MS));
  }
  if (isRefusal(error)) return now + SLOW_RETRY_MS;
  return now + backoffDelayMs(input);
}

function whileTokenLivesMs(error: TokenError, coolDownMs: number, attempt: FailedAttempt): number {
  const { leftMs, lifeMs, before } = attempt;
  const isRepeated = before?.code === error.code && before.errcode === error.errcode;
  switch (kindOf(error, coolDownMs)) {
    case 'rate':
      return Math.min(coolDownMs, leftMs / 2);
    case 'once':
      return isRepeated ? leftMs : leftMs / 2;
    case 'refusal': {
      const gapMs = Math.min(LONGEST_GAP_MS, (lifeMs ?? 0) / GAPS_IN_A_LIFE);
      // Where there is no room for another attempt, the next one comes at the end.
      return Math.min(leftMs, Math.max(leftMs / 2, gapMs));
    }
    case 'other':
      return coolDownMs;
  }
}

type Kind = 'rate' | 'once' | 'refusal' | 'other';

/** Tells what a living token changes about the next attempt. */
function kindOf(error: TokenError, coolDownMs: number): Kind {
  // An instant that a refresher gives of its own accord is kept.
  const isAnswer = error.errcode !== undefined;
  if (error.code === 'QUOTA_EXHAUSTED' && isAnswer) return coolDownMs <= MINUTE_LIMIT_MS ? 'rate' : 'once';
  if (error.code !== 'UPSTREAM_REJECTED' || !isRefusal(error)) return 'other';
  if (isAnswer && asksAdministrator(error.errcode)) return 'once';
  return isAnswer || error.retryAt === undefined ? 'refusal' : 'other';
}

/** Returns whether each request makes WeChat ask the administrator once more. */
function asksAdministrator(errcode: number): boolean {
  return errcode >= FIRST_CONFIRMATION && errcode <= LAST_CONFIRMATION;
}

/** Returns whether the same attempt fails again until something is changed. */
function isRefusal(error: TokenError): boolean {
  return !error.retryable && error.code !== 'UPSTREAM_UNAVAILABLE';
}

/** Returns whether the next attempt comes from the back-off of a passing failure. */
export function isBackingOff(error: TokenError, now: number): boolean {
  return !saysWhen(error, now) && !isRefusal(error);
}

/** Returns whether the error tells when to try again: a sensible instant that is to come. */
function saysWhen(error: TokenError, now: number): error is TokenError & { readonly retryAt: number } {
  return error.retryAt !== undefined && Number.isFinite(error.retryAt) && error.retryAt > now;
}
