import { isBackingOff, MAX_WAIT_OF_CALLERS_MS, nextAttemptAt } from '../model/backoff.js';
import type { Enrolment } from '../model/enrolment.js';
import { type TokenError, withFacts } from '../model/errors.js';
import { type Events, tokenEvent } from '../model/events.js';
import { failureError, failureFacts } from '../model/failure-facts.js';
import { lifeMs } from '../model/refresh-policy.js';
import { endsOf, withEndsTold } from '../model/rotation.js';
import type { Lease } from '../model/store.js';
import { documentId, parseKey, type TokenKey } from '../model/token-key.js';
import type { FailureBudget } from '../store/failure-budget.js';
import { heldBackUntil, type KeyDocument, nextDueAt, type RetryState } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import { checkRegistration } from '../store/registration-check.js';
import type { Storage } from '../store/storage.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { type Fingerprint, isMadeWith } from './fingerprint.js';
import type { RecordCache, RememberedFailure } from './record-cache.js';

/** A failure that forbids attempts until some instant. */
export interface ActiveFailure {
  readonly retryAt: number;
  readonly local: boolean;
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

/** The input and the state that a failed attempt was made with. */
export interface Attempted {
  /** The fingerprint of the input, taken before the request. */
  readonly fingerprint: Fingerprint;
  /** The registration of the key when the grant was requested. */
  readonly enrolment: Enrolment;
  /** The remaining lifetime of the current token in milliseconds, 0 or less without one. */
  readonly leftMs: number;
  /** The budget that failed requests of the app are counted in. */
  readonly budget?: FailureBudget | undefined;
}

interface Recorded {
  /** The error for waiting callers, with the recorded facts. */
  readonly failure: TokenError;
  /** Whether the document is stored. */
  readonly isStored: boolean;
}

/** Keeps the retry states of keys: the last failure, when the next attempt may be made, and by which process. */
export class RetryStates {
  readonly #store: SupervisedStore;
  readonly #documents: KeyDocuments;
  readonly #cache: RecordCache;
  readonly #clock: StoreClock;
  readonly #fingerprint: (key: TokenKey) => Fingerprint;
  readonly #events: Events;

  /**
   * @param fingerprint - returns the fingerprint of the input that an attempt would use now.
   */
  constructor(
    { store, documents, clock }: Storage,
    cache: RecordCache,
    events: Events,
    fingerprint: (key: TokenKey) => Fingerprint,
  ) {
    this.#store = store;
    this.#documents = documents;
    this.#cache = cache;
    this.#clock = clock;
    this.#events = events;
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
      retryAt,
      local,
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

  /**
   * Records a failed attempt: in the store for the whole fleet, or in memory if it concerns this host alone. The write
   * releases the lease.
   *
   * @returns `undefined` if WeChat refused a refresh token that has been replaced in the store meanwhile: the refusal
   *   does not concern the stored one.
   */
  async record(
    key: TokenKey,
    given: KeyDocument,
    lease: Lease,
    error: TokenError,
    attempted: Attempted,
  ): Promise<Recorded | undefined> {
    const { isNews, document } = this.#withEndsTold(key, given, error, attempted);
    const trying = await this.#trying(key, document, error, attempted);
    const { version } = document;
    this.#cache.setFailure(key, { trying, local: error.hostOnly, version });
    const written = error.hostOnly ? 'failed' : await this.#write(key, document, trying, lease, attempted.enrolment);
    const hasNewerRecord = this.#isOutdatedVersion(key, version, undefined);
    const outcome = written === 'failed' && hasNewerRecord ? 'lost' : written;
    if (outcome === 'lost' && error.code === 'REAUTHORIZATION_REQUIRED') {
      this.#cache.clearFailure(key);
      return undefined;
    }
    const isStored = typeof outcome === 'number';
    if (!isStored) {
      // The failure is not stored, so reading the document that the attempt was based on must not clear it.
      const basis = error.hostOnly ? {} : { unstoredOn: { refreshToken: document.rotation?.token } };
      this.#cache.setFailure(key, { trying, local: true, version, ...basis });
    } else if (this.#cache.failure(key)?.trying === trying) {
      this.#cache.setFailure(key, { trying, local: false, version: outcome });
    }
    const failure = withFacts(error, { ...key, retryAt: trying.retryAt });
    this.#events.emit('refreshFailed', {
      ...tokenEvent(key),
      error: failure,
      attempt: trying.attempts,
      retryAt: trying.retryAt,
    });
    if (isNews) {
      this.#events.emit('reauthorizationRequired', { ...tokenEvent(key), error: failure });
    }
    return { failure, isStored };
  }

  /**
   * Decides whether the user has to be asked to authorize again, which is announced once for each refresh token. If no
   * refresh token is known, because the refresher does not call `spend` or an earlier release wrote the document, the
   * first such failure with the same input is announced.
   */
  #withEndsTold(
    key: TokenKey,
    document: KeyDocument,
    { code }: TokenError,
    attempted: Attempted,
  ): { readonly isNews: boolean; readonly document: KeyDocument } {
    if (code !== 'REAUTHORIZATION_REQUIRED') return { isNews: false, document };
    const { rotation } = document;
    const ends = endsOf(rotation, this.#clock.now());
    const told = ends.length === 0 ? undefined : rotation?.told;
    const isNews =
      told === undefined
        ? this.#before(key, undefined, attempted)?.error.code !== code
        : ends.some((end) => !told.includes(end));
    return { isNews, document: { ...document, rotation: withEndsTold(rotation, ends) } };
  }

  async #trying(key: TokenKey, document: KeyDocument, error: TokenError, attempted: Attempted): Promise<RetryState> {
    const before = this.#before(key, document.trying, attempted);
    const attempts = (before?.attempts ?? 0) + 1;
    const { grant } = document;
    const random = this.#clock.random();
    const failedAt = this.#clock.now();
    const retryAt = nextAttemptAt(error, failedAt, {
      attempts,
      lifeMs: grant === undefined ? undefined : lifeMs(grant),
      leftMs: attempted.leftMs,
      random,
      before: before?.error,
    });
    const trying = {
      attempts,
      failedAt,
      retryAt,
      registration: attempted.fingerprint.registration,
      input: attempted.fingerprint.input,
      backingOff: isBackingOff(error, failedAt),
      error: failureFacts(error),
    };
    if (attempted.budget === undefined || !hasReachedWeChat(error)) return trying;
    const lives = failedAt + attempted.leftMs > retryAt;
    const notBefore = await attempted.budget.draw(key.appid, lives, trying);
    // Waiting callers may shorten a back-off, but not the wait for the budget.
    if (notBefore <= retryAtForCallers(trying)) return trying;
    return { ...trying, retryAt: notBefore, backingOff: false };
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

  /** Returns the last failure with the same input, stored or remembered: the one with more attempts. */
  #before(key: TokenKey, stored: RetryState | undefined, { fingerprint }: Attempted): RetryState | undefined {
    const found = [stored, this.#cache.failure(key)?.trying].filter(
      (trying) => trying !== undefined && isMadeWith(trying, fingerprint),
    );
    return found.reduce((most, trying) => ((trying?.attempts ?? 0) > (most?.attempts ?? 0) ? trying : most), undefined);
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

  /**
   * Writes the document with its retry state.
   *
   * @returns the stored version, `lost` if another process has written the document meanwhile, or `failed` if the store
   *   does not accept it.
   */
  async #write(
    key: TokenKey,
    document: KeyDocument,
    trying: RetryState,
    lease: Lease,
    enrolment: Enrolment,
  ): Promise<number | 'lost' | 'failed'> {
    try {
      const failed = { ...document, trying };
      const dueAt = nextDueAt(failed, this.#clock.now());
      const version = await this.#documents.save(key, failed, { hadTask: enrolment.hadTask, dueAt, lease });
      const isFirst = document.version === 0;
      if (version !== undefined && isFirst && (await checkRegistration(this.#store, key, enrolment)) === 'gone') {
        await this.#store.delete(documentId('key', key), version);
      }
      return version ?? 'lost';
    } catch {
      return 'failed';
    }
  }
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

/**
 * Returns when callers may try again: while a temporary failure rejects them, an attempt is made at least every 5 s.
 */
function retryAtForCallers(trying: RetryState): number {
  return trying.backingOff ? Math.min(trying.retryAt, trying.failedAt + MAX_WAIT_OF_CALLERS_MS) : trying.retryAt;
}

/** Returns whether a request has used quota: one that never connected, or was never sent, has not. */
function hasReachedWeChat({ code, hostOnly }: TokenError): boolean {
  if (code === 'UPSTREAM_UNAVAILABLE') return !hostOnly;
  return code === 'UPSTREAM_REJECTED' || code === 'QUOTA_EXHAUSTED';
}
