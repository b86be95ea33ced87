import type { Clock } from '../concurrency/clock.js';
import { backoffDelayMs } from '../model/backoff.js';
import { TokenError, type TokenErrorCode, type TokenErrorFacts } from '../model/errors.js';
import { NeedMissing } from '../model/need-missing.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';

interface Setback {
  readonly attempts: number;
  /** By the monotonic clock. */
  readonly endsAt: number;
  /** The id of the key whose token was missing. */
  readonly waitsFor: string | undefined;
  /** The error that kept the attempt from being made; `undefined` where it was made. */
  readonly lack: Lack | undefined;
}

/** The facts of the error that kept an attempt from being made, without its stack: there may be thousands. */
interface Lack {
  readonly code: TokenErrorCode;
  readonly message: string;
  readonly facts: TokenErrorFacts;
}

export interface CoolDownEnd {
  /** The number of setbacks in a row. */
  readonly attempts: number;
  readonly delayMs: number;
}

const MAX_REMEMBERED = 10_000;
const MIN_DELAY_MS = 200;
/** A missing input wakes its keys when it comes; this is for one whose coming is not noticed. */
const LOOKS_AGAIN_MS = 600_000;

/** Remembers attempts that the key's own state does not: they could not be made, or changed nothing. */
export class BackgroundCoolDowns {
  readonly #clock: Clock;
  readonly #ofKeys = boundedCache<string, Setback>(MAX_REMEMBERED);
  /** By the id of the key that is missing, the keys that wait for it. */
  readonly #waiting = new Map<string, Set<TokenKey>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Makes the background wait.
   *
   * @param isTask - whether the key is refreshed in the background, and so is to be found when what it waits for comes.
   * @param leftMs - the remaining life of the token in force, in milliseconds; 0 or less without one.
   * @param error - `undefined` where the attempt succeeded, and changed nothing.
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

  /** Returns what the last attempt lacked, as an error; `undefined` where it was made, or the key is not set back. */
  lackOf(key: TokenKey): TokenError | undefined {
    const lack = this.#ofKeys.get(keyId(key))?.lack;
    return lack && new TokenError(lack.code, lack.message, lack.facts);
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

  /** Returns the keys that wait for this one, which has a token now, and forgets their setbacks. */
  takeWaiting(key: TokenKey): readonly TokenKey[] {
    const id = keyId(key);
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return [];
    this.#waiting.delete(id);
    for (const each of waiting) this.#ofKeys.delete(keyId(each));
    return [...waiting];
  }

  #delayMs(attempts: number, leftMs: number, error: unknown): number {
    if (error instanceof NeedMissing) {
      const { retryAt, retryable } = error.error;
      // The dependency has failed, and is not asked for again earlier.
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
  if (!(error instanceof NeedMissing)) return undefined;
  const { code, message, appid, type, subject, retryable, retryAt } = error.error;
  const facts = Object.entries({ appid, type, subject, retryable, retryAt }).filter(([, value]) => value !== undefined);
  return { code, message, facts: Object.fromEntries(facts) };
}

/** Returns the id of the key whose token was missing; `undefined` where it was something else. */
function dependencyOf(key: TokenKey, error: unknown): string | undefined {
  if (!(error instanceof NeedMissing)) return undefined;
  const { appid, type, subject } = error.error;
  if (appid === undefined || type === undefined) return undefined;
  const id = keyId(subject === undefined ? { appid, type } : { appid, type, subject });
  return id === keyId(key) ? undefined : id;
}
