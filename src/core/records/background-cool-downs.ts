import type { Clock } from '../concurrency/clock.js';
import { backoffDelayMs } from '../model/backoff.js';
import { TokenError, type TokenErrorCode, type TokenErrorFacts } from '../model/errors.js';
import { InputMissing } from '../model/input-missing.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';

interface Setback {
  readonly attempts: number;
  /** The instant at which the cool-down ends, by the monotonic clock. */
  readonly endsAt: number;
  /** The id of the key whose token was missing. */
  readonly waitsFor: string | undefined;
  /** The error that prevented the attempt; `undefined` if the attempt was made. */
  readonly lack: Lack | undefined;
}

/** The facts of the error that prevented an attempt, without its stack, since there may be thousands. */
interface Lack {
  readonly code: TokenErrorCode;
  readonly message: string;
  readonly facts: TokenErrorFacts;
}

export interface CoolDownEnd {
  /** The number of cool-downs in a row. */
  readonly attempts: number;
  readonly delayMs: number;
}

const MAX_REMEMBERED = 10_000;
const MIN_DELAY_MS = 200;
/** The pause before a key with a missing input is retried although the arrival of the input was not noticed. */
const LOOKS_AGAIN_MS = 600_000;

/**
 * Remembers background cool-downs: pauses after attempts that could not be made or changed nothing, which no stored
 * retry state covers.
 */
export class BackgroundCoolDowns {
  readonly #clock: Clock;
  readonly #ofKeys = boundedCache<string, Setback>(MAX_REMEMBERED);
  /** The keys that wait for a missing token, by the id of its key. */
  readonly #waiting = new Map<string, Set<TokenKey>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Starts a cool-down, in which the background makes no attempt for the key.
   *
   * @param isTask - whether the key is refreshed in the background, and so has to be found when the missing token
   *   arrives.
   * @param leftMs - the remaining lifetime of the current token, in milliseconds; 0 or less without one.
   * @param error - `undefined` if the attempt succeeded and changed nothing.
   */
  add(key: TokenKey, isTask: boolean, leftMs: number, error: unknown): CoolDownEnd {
    const attempts = (this.#ofKeys.get(keyId(key))?.attempts ?? 0) + 1;
    const delayMs = this.#delayMs(attempts, leftMs, error);
    const waitsFor = isTask ? dependencyOf(key, error) : undefined;
    this.clear(key);
    this.#ofKeys.set(keyId(key), {
      attempts,
      endsAt: this.#clock.monotonic() + delayMs,
      waitsFor,
      lack: lackIn(error),
    });
    if (waitsFor !== undefined) this.#waiting.set(waitsFor, (this.#waiting.get(waitsFor) ?? new Set()).add(key));
    return { attempts, delayMs };
  }

  leftMs(key: TokenKey): number {
    const setback = this.#ofKeys.get(keyId(key));
    return setback === undefined ? 0 : Math.max(0, setback.endsAt - this.#clock.monotonic());
  }

  /**
   * Returns whether the key has a cool-down because of the same lack: a caller in the meantime has learnt nothing new. An
   * unavailable store is the same lack whatever its words, which name the command or the time.
   */
  coversLack(key: TokenKey, error: unknown): boolean {
    const known = this.leftMs(key) > 0 ? this.#ofKeys.get(keyId(key))?.lack : undefined;
    const lack = lackIn(error);
    if (known === undefined || lack === undefined) return false;
    if (known.code !== lack.code || known.facts.retryAt !== lack.facts.retryAt) return false;
    return lack.code === 'STORE_UNAVAILABLE' || known.message === lack.message;
  }

  /**
   * Returns the error for the input that the last attempt lacked; `undefined` if it lacked none, or the key has no
   * cool-down.
   */
  lackOf(key: TokenKey): TokenError | undefined {
    const lack = this.#ofKeys.get(keyId(key))?.lack;
    return lack && new TokenError(lack.code, lack.message, lack.facts);
  }

  /** Returns whether the last attempt for the key lacked an input. No error is created, since this is called often. */
  hasLack(key: TokenKey): boolean {
    return this.#ofKeys.get(keyId(key))?.lack !== undefined;
  }

  clear(key: TokenKey): void {
    const id = keyId(key);
    const { waitsFor } = this.#ofKeys.get(id) ?? {};
    this.#ofKeys.delete(id);
    if (waitsFor === undefined) return;
    const waiting = this.#waiting.get(waitsFor);
    waiting?.delete(key);
    if (waiting?.size === 0) this.#waiting.delete(waitsFor);
  }

  /** Returns the keys that wait for the token of this key, which is available now, and forgets their cool-downs. */
  takeWaiting(key: TokenKey): readonly TokenKey[] {
    const id = keyId(key);
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return [];
    this.#waiting.delete(id);
    for (const each of waiting) this.#ofKeys.delete(keyId(each));
    return [...waiting];
  }

  #delayMs(attempts: number, leftMs: number, error: unknown): number {
    if (error instanceof InputMissing) {
      const { retryAt, retryable } = error.error;
      // The dependency has a cool-down of its own, and is not requested before that ends.
      if (retryAt !== undefined) {
        const inMs = retryAt - this.#clock.now();
        return Math.min(Math.max(MIN_DELAY_MS, inMs), LOOKS_AGAIN_MS);
      }
      if (!retryable) return LOOKS_AGAIN_MS;
    }
    return backoffDelayMs({ attempts, lifeMs: undefined, leftMs, random: this.#clock.random() });
  }
}

function lackIn(error: unknown): Lack | undefined {
  if (!(error instanceof InputMissing)) return undefined;
  const { code, message, appid, type, subject, retryable, retryAt } = error.error;
  const facts = Object.entries({ appid, type, subject, retryable, retryAt }).filter(([, value]) => value !== undefined);
  return { code, message, facts: Object.fromEntries(facts) };
}

/** Returns the id of the key whose token was missing; `undefined` if something else was. */
function dependencyOf(key: TokenKey, error: unknown): string | undefined {
  if (!(error instanceof InputMissing)) return undefined;
  const { appid, type, subject } = error.error;
  if (appid === undefined || type === undefined) return undefined;
  const id = keyId(subject === undefined ? { appid, type } : { appid, type, subject });
  return id === keyId(key) ? undefined : id;
}
