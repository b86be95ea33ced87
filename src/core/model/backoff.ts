import type { TokenError } from './errors.js';
import type { FailureFacts } from './failure-facts.js';

export interface BackoffInput {
  /** The number of attempts that have failed in a row, including this one: at least 1. */
  readonly attempts: number;
  /** The lifetime of the current token, in milliseconds; `undefined` if there is none. */
  readonly lifeMs: number | undefined;
  /** The remaining life of the current token, in milliseconds; 0 or less if it has expired. */
  readonly leftMs: number;
  /** A random number of at least 0 and below 1. */
  readonly random: number;
}

const MIN_DELAY_MS = 200;
const MAX_DELAY_MS = 60_000;
const MAX_EXPONENT = 30;
/** The maximum time between attempts while callers are rejected because of a temporary failure. */
export const MAX_WAIT_OF_CALLERS_MS = 5_000;
const SLOW_RETRY_MS = 600_000;
/** The maximum cool-down, whatever instant an error gives. */
export const LONGEST_RETRY_MS: number = 24 * 3_600_000;
/**
 * The upper bound of the minimum time between refused attempts while a token is unexpired, which is otherwise a
 * fraction of its lifetime.
 */
const LONGEST_GAP_MS = 30_000;
const GAPS_IN_A_LIFE = 240;
/** The time within which WeChat's limits per minute end: 60 s and a spread of 5 s. */
const MINUTE_LIMIT_MS = 65_000;
const FIRST_CONFIRMATION = 89_501;
const LAST_CONFIRMATION = 89_507;

/**
 * Returns the delay after a failed attempt, in milliseconds. It grows exponentially, has full jitter, and depends on
 * the input alone.
 */
export function backoffDelayMs(input: BackoffInput): number {
  const firstMs = input.lifeMs === undefined ? MIN_DELAY_MS : Math.min(1_000, input.lifeMs / 20);
  const delay = fullJitterMs(input, firstMs, MAX_DELAY_MS);
  const beforeExpiry = input.leftMs > 0 ? Math.min(delay, input.leftMs / 2) : delay;
  return Math.round(Math.max(MIN_DELAY_MS, beforeExpiry));
}

/** Returns a delay of `firstMs` after the first attempt, of twice that after the second, and so on up to `maxMs`. */
export function exponentialDelayMs(attempts: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, MAX_EXPONENT));
}

/** Returns a random delay between 0 and that of {@link exponentialDelayMs}. */
export function fullJitterMs(
  { attempts, random }: Pick<BackoffInput, 'attempts' | 'random'>,
  firstMs: number,
  maxMs: number,
): number {
  return random * exponentialDelayMs(attempts, firstMs, maxMs);
}

/** The state of a key when an attempt for it has failed. */
export interface FailedAttempt extends BackoffInput {
  /** The previous failure with the same input; `undefined` if there was none. */
  readonly before: Pick<FailureFacts, 'code' | 'errcode'> | undefined;
}

/**
 * Returns the instant of the next attempt after `error`. While the key has an unexpired token, a refused attempt is
 * repeated before the token expires; full cool-downs apply only after that.
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
      // If the remaining life is too short for another attempt, the next one is made when the token expires.
      return Math.min(leftMs, Math.max(leftMs / 2, gapMs));
    }
    case 'other':
      return coolDownMs;
  }
}

type Kind = 'rate' | 'once' | 'refusal' | 'other';

/** Returns the rule for the next attempt while the key has an unexpired token. */
function kindOf(error: TokenError, coolDownMs: number): Kind {
  // A `retryAt` without an `errcode` comes from the refresher itself and is respected.
  const isAnswer = error.errcode !== undefined;
  if (error.code === 'QUOTA_EXHAUSTED' && isAnswer) return coolDownMs <= MINUTE_LIMIT_MS ? 'rate' : 'once';
  if (error.code !== 'UPSTREAM_REJECTED' || !isRefusal(error)) return 'other';
  if (isAnswer && asksAdministrator(error.errcode)) return 'once';
  return isAnswer || error.retryAt === undefined ? 'refusal' : 'other';
}

/** Returns whether every further request makes WeChat ask the administrator for confirmation again. */
function asksAdministrator(errcode: number): boolean {
  return errcode >= FIRST_CONFIRMATION && errcode <= LAST_CONFIRMATION;
}

/** Returns whether the same attempt will fail until something is changed. */
function isRefusal(error: TokenError): boolean {
  return !error.retryable && error.code !== 'UPSTREAM_UNAVAILABLE';
}

/** Returns whether the time of the next attempt comes from the back-off after a temporary failure. */
export function isBackingOff(error: TokenError, now: number): boolean {
  return !saysWhen(error, now) && !isRefusal(error);
}

/** Returns whether the error gives a valid instant in the future for the next attempt. */
function saysWhen(error: TokenError, now: number): error is TokenError & { readonly retryAt: number } {
  return error.retryAt !== undefined && Number.isFinite(error.retryAt) && error.retryAt > now;
}
