import type { TokenError } from '../model/errors.js';
import type { Events } from '../model/events.js';
import { failureError } from '../model/failure-facts.js';
import { parseKey, type TokenKey } from '../model/token-key.js';
import { heldBackUntil, type KeyDocument, type RetryState, retryAtForCallers } from '../store/key-document.js';
import type { Storage } from '../store/storage.js';
import type { StoreClock } from '../store/store-clock.js';
import { FailedAttempts } from './failed-attempts.js';
import { type Fingerprint, isMadeWith } from './fingerprint.js';
import type { RecordCache, RememberedFailure } from './record-cache.js';

/** A failure that forbids attempts until some instant. */
export interface ActiveFailure {
  readonly failedAt: number;
  readonly retryAt: number;
  readonly local: boolean;
  /** Whether the attempt's flight is still storing the failure, so that no other process knows of it yet. */
  readonly isBeingStored: boolean;
  /**
   * Creates the error for a caller. It is created only when it is thrown, since recording a call stack takes longer
   * than everything else here.
   */
  error(): TokenError;
}

/** A failure that forbids attempts, and the instant until which it does. */
interface Hold {
  readonly failure: RememberedFailure;
  readonly heldBackAt: number;
}

/** Keeps the retry states of keys: the last failure, when the next attempt may be made, and by which process. */
export class RetryStates {
  readonly #cache: RecordCache;
  readonly #clock: StoreClock;
  readonly #fingerprint: (key: TokenKey) => Fingerprint;
  readonly #failedAttempts: FailedAttempts;

  /**
   * @param fingerprint - returns the fingerprint of the input that an attempt would use now.
   */
  constructor(storage: Storage, cache: RecordCache, events: Events, fingerprint: (key: TokenKey) => Fingerprint) {
    this.#cache = cache;
    this.#clock = storage.clock;
    this.#failedAttempts = new FailedAttempts(storage, cache, events);
    this.#fingerprint = fingerprint;
  }

  /** Returns the fingerprint of the input that an attempt for this key would use now. */
  fingerprint(key: TokenKey): Fingerprint {
    return this.#fingerprint(key);
  }

  /**
   * Returns the remembered failure that forbids an attempt now. A failure is cleared if the input has changed since, or
   * the clock was set back.
   */
  active(key: TokenKey, callerWaits: boolean): ActiveFailure | undefined {
    const held = this.#hold(key);
    if (held === undefined) return undefined;
    const { failure, heldBackAt } = held;
    const retryAt = Math.min(heldBackAt, callerWaits ? retryAtForCallers(failure.trying) : heldBackAt);
    if (retryAt <= this.#clock.now()) return undefined;
    const { trying, local } = failure;
    return {
      failedAt: trying.failedAt,
      retryAt,
      local,
      isBeingStored: isBeingStored(failure),
      error: () => failureError(trying.error, { ...key, hostOnly: local, retryAt: heldBackAt }),
    };
  }

  /** Returns the keys whose failure was recorded before the clock was set back: it no longer forbids attempts. */
  fromTheFuture(): TokenKey[] {
    const now = this.#clock.now();
    const found = [...this.#cache.failures()].filter(([, { trying }]) => heldBackUntil(trying, now) === 0);
    return found.flatMap(([id]) => parseKey(`key/${id}`) ?? []);
  }

  /**
   * Returns when the background may try again; `undefined` without a failure. No error is created, since this is called
   * often.
   */
  retryAt(key: TokenKey): number | undefined {
    const heldBackAt = this.#hold(key)?.heldBackAt ?? 0;
    return heldBackAt > this.#clock.now() ? heldBackAt : undefined;
  }

  /** Returns the remembered failure, if it was made with the present input. */
  remembered(key: TokenKey): RememberedFailure | undefined {
    const failure = this.#cache.failure(key);
    if (failure === undefined) return undefined;
    return isMadeWith(failure.trying, this.#fingerprint(key)) ? failure : undefined;
  }

  /** Returns the retry state that counts here: the stored one, or else that of a failure of this process alone. */
  counting(key: TokenKey, stored: RetryState | undefined): RetryState | undefined {
    if (stored !== undefined) return stored;
    const failure = this.remembered(key);
    return failure?.local === true ? failure.trying : undefined;
  }

  /** Returns whether a failure of the key is remembered, with whatever input. */
  hasRemembered(key: TokenKey): boolean {
    return this.#cache.failure(key) !== undefined;
  }

  /** Returns whether the failure was made with another input than the present one, so that it forbids no attempt. */
  isOutdated(key: TokenKey): boolean {
    return this.hasRemembered(key) && this.remembered(key) === undefined;
  }

  /**
   * Remembers the retry state in the key's document, unless this process knows a later version. A failure of this host
   * alone is forgotten in favour of one that forbids attempts for longer.
   */
  update(key: TokenKey, document: KeyDocument): void {
    const { version, trying } = document;
    const known = this.#cache.failure(key);
    if (this.#isOutdatedVersion(key, version, known)) return;
    // A caller that comes while the failure is being stored may read the document from before that write.
    if (known !== undefined && isBeingStored(known) && version <= known.version) return;
    if (trying === undefined) {
      if (known?.local === false || isSuperseded(known, document)) this.#cache.clearFailure(key);
      return;
    }
    if (known?.local === true && this.#outlasts(key, known, trying, document)) return;
    this.#cache.setFailure(key, { trying, local: false, version });
  }

  /**
   * Remembers the failure of another or an earlier process with the present input, if it forbids attempts here for
   * longer than the known one.
   */
  defer(key: TokenKey, trying: RetryState): void {
    if (!isMadeWith(trying, this.#fingerprint(key))) return;
    const known = this.#hold(key);
    const now = this.#clock.now();
    if (heldBackUntil(trying, now) <= Math.max(now, known?.heldBackAt ?? 0)) return;
    this.#cache.setFailure(key, { trying, local: true, version: known?.failure.version ?? 0 });
  }

  /** Records a failed attempt; see {@link FailedAttempts.record}. */
  record(...args: Parameters<FailedAttempts['record']>): ReturnType<FailedAttempts['record']> {
    return this.#failedAttempts.record(...args);
  }

  /**
   * Returns the remembered failure with its end, which may have passed. A failure that forbids nothing any more is
   * forgotten.
   */
  #hold(key: TokenKey): Hold | undefined {
    const failure = this.#cache.failure(key);
    if (failure === undefined) return undefined;
    const heldBackAt = heldBackUntil(failure.trying, this.#clock.now());
    if (heldBackAt !== 0 && isMadeWith(failure.trying, this.#fingerprint(key))) return { failure, heldBackAt };
    this.#cache.clearFailure(key);
    return undefined;
  }

  /**
   * Returns whether a document is older than what is known of its key. An absent document has no version to compare.
   */
  #isOutdatedVersion(key: TokenKey, version: number, known: RememberedFailure | undefined): boolean {
    if (version === 0) return false;
    const held = this.#cache.get(key);
    return version < (known?.version ?? 0) || (held?.isStored === true && version < held.version);
  }

  /** Returns whether a failure of this process alone is kept instead of the one in a document of this version. */
  #outlasts(key: TokenKey, known: RememberedFailure, trying: RetryState, document: KeyDocument): boolean {
    if (document.version <= known.version) return true;
    if (isSuperseded(known, document)) return false;
    const now = this.#clock.now();
    return (
      isMadeWith(known.trying, this.#fingerprint(key)) && heldBackUntil(known.trying, now) > heldBackUntil(trying, now)
    );
  }
}

/** Returns whether a failure of the whole fleet has been recorded in memory, and is still being stored. */
function isBeingStored({ local, unstoredOn }: RememberedFailure): boolean {
  return !local && unstoredOn !== undefined;
}

/**
 * Returns whether a failure that the store did not take is over, because a document that was written after the attempt
 * has another refresh token or a newer record.
 */
function isSuperseded(known: RememberedFailure | undefined, document: KeyDocument): boolean {
  if (known?.unstoredOn === undefined || document.version <= known.version) return false;
  const { grant, recordVersion, rotation } = document;
  const hasNewerRecord = grant !== undefined && recordVersion > known.version;
  return hasNewerRecord || rotation?.token !== known.unstoredOn.refreshToken;
}
