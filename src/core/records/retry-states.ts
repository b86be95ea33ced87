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
  /** Makes the error for a caller: only where it is thrown, since recording a call stack takes longer than all else here. */
  error(): TokenError;
}

/** A failure that holds attempts back, and until when. */
interface Hold {
  readonly failure: RememberedFailure;
  readonly heldBackAt: number;
}

/** The input and the state that a failed attempt was made with. */
export interface Attempted {
  /** Taken before the request. */
  readonly fingerprint: Fingerprint;
  /** The registration of the key when the grant was asked for. */
  readonly enrolment: Enrolment;
  /** The milliseconds that are left of the token in force, 0 or less without one. */
  readonly leftMs: number;
  /** The budget in which failed requests of the app are counted. */
  readonly budget?: FailureBudget | undefined;
}

interface Recorded {
  /** The error for waiting callers, with the facts that were found. */
  readonly failure: TokenError;
  /** Whether the store has the document. */
  readonly isStored: boolean;
}

/** Keeps the state of attempts: what went wrong, and when and by which process it may be tried again. */
export class RetryStates {
  readonly #store: SupervisedStore;
  readonly #documents: KeyDocuments;
  readonly #cache: RecordCache;
  readonly #clock: StoreClock;
  readonly #fingerprint: (key: TokenKey) => Fingerprint;
  readonly #events: Events;

  /**
   * @param fingerprint - returns the fingerprint of the input that an attempt would be made with now.
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

  /** Returns the fingerprint of what an attempt for this key would be made with now. */
  fingerprint(key: TokenKey): Fingerprint {
    return this.#fingerprint(key);
  }

  /**
   * Returns the remembered failure that forbids an attempt now. Another input than it was made with clears it, and so does
   * a clock that was set back since.
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

  /** Returns the keys whose failure was noted by a clock that has been set back since: it forbids nothing any more. */
  fromTheFuture(): TokenKey[] {
    const now = this.#clock.now();
    const found = [...this.#cache.failures()].filter(([, { trying }]) => heldBackUntil(trying, now) === 0);
    return found.flatMap(([id]) => parseKey(`key/${id}`) ?? []);
  }

  /** Returns when the background may try again; `undefined` without a failure. It makes no error, since it is asked often. */
  retryAt(key: TokenKey): number | undefined {
    const heldBackAt = this.#hold(key)?.heldBackAt ?? 0;
    return heldBackAt > this.#clock.now() ? heldBackAt : undefined;
  }

  /** Returns what failed with the input that there is now. */
  remembered(key: TokenKey): RememberedFailure | undefined {
    const failure = this.#cache.failure(key);
    if (failure === undefined) return undefined;
    return isMadeWith(failure.trying, this.#fingerprint(key)) ? failure : undefined;
  }

  /** Returns whether a failure of the key is remembered, of whatever input. */
  hasRemembered(key: TokenKey): boolean {
    return this.#cache.failure(key) !== undefined;
  }

  /** Returns whether the failure was made with another input than there is now, so that it forbids no attempt. */
  isOutdated(key: TokenKey): boolean {
    return this.hasRemembered(key) && this.remembered(key) === undefined;
  }

  /**
   * Remembers what the key's document says of the fleet's attempts, unless this process knows of a later version. What
   * failed on this host alone is forgotten for a failure that forbids attempts for longer.
   */
  update(key: TokenKey, { version, trying }: KeyDocument): void {
    const known = this.#cache.failure(key);
    if (this.#isOutdatedVersion(key, version, known)) return;
    if (trying === undefined) {
      if (known?.local === false) this.#cache.clearFailure(key);
      return;
    }
    if (known?.local === true && this.#outlasts(key, known, trying, version)) return;
    this.#cache.setFailure(key, { trying, local: false, version });
  }

  /**
   * Remembers a failure that another process, or an earlier one, has had with the present input, if it forbids attempts here
   * for longer than what is known.
   */
  defer(key: TokenKey, trying: RetryState): void {
    if (!isMadeWith(trying, this.#fingerprint(key))) return;
    const known = this.#hold(key);
    const now = this.#clock.now();
    if (heldBackUntil(trying, now) <= Math.max(now, known?.heldBackAt ?? 0)) return;
    this.#cache.setFailure(key, { trying, local: true, version: known?.failure.version ?? 0 });
  }

  /**
   * Records a failed attempt, in the store for the whole fleet, or here when it concerns this host alone. What is stored
   * releases the lease by the same write.
   *
   * @returns `undefined` for the refusal of a refresh token that has been replaced in the store meanwhile: it says nothing
   *   of the one that is stored.
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
    const outcome = error.hostOnly ? 'failed' : await this.#write(key, document, trying, lease, attempted.enrolment);
    if (outcome === 'lost' && error.code === 'REAUTHORIZATION_REQUIRED') {
      this.#cache.clearFailure(key);
      return undefined;
    }
    const isStored = typeof outcome === 'number';
    if (!isStored) {
      // The store does not have it, so reading the document must not clear it.
      this.#cache.setFailure(key, { trying, local: true, version });
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
   * Tells whether the user has to be asked to authorize again: once for each refresh token, whatever else changes. Where
   * none is known, as with refreshers that do not call `spend`, and where an earlier release wrote the document, it is the
   * first such failure of the same input.
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

  /** Returns the remembered failure with its end, which may have passed. It is forgotten where it forbids nothing any more. */
  #hold(key: TokenKey): Hold | undefined {
    const failure = this.#cache.failure(key);
    if (failure === undefined) return undefined;
    const heldBackAt = heldBackUntil(failure.trying, this.#clock.now());
    if (heldBackAt !== 0 && isMadeWith(failure.trying, this.#fingerprint(key))) return { failure, heldBackAt };
    this.#cache.clearFailure(key);
    return undefined;
  }

  /** Returns the last failure of the same input, as it was stored or is remembered here: the one of more attempts. */
  #before(key: TokenKey, stored: RetryState | undefined, { fingerprint }: Attempted): RetryState | undefined {
    const found = [stored, this.#cache.failure(key)?.trying].filter(
      (trying) => trying !== undefined && isMadeWith(trying, fingerprint),
    );
    return found.reduce((most, trying) => ((trying?.attempts ?? 0) > (most?.attempts ?? 0) ? trying : most), undefined);
  }

  /** Returns whether a document is older than what is known of its key. An absent one has no version to compare. */
  #isOutdatedVersion(key: TokenKey, version: number, known: RememberedFailure | undefined): boolean {
    if (version === 0) return false;
    const held = this.#cache.get(key);
    return version < (known?.version ?? 0) || (held?.isStored === true && version < held.version);
  }

  /** Returns whether a failure of this process alone is kept in place of one that a document of this version shows. */
  #outlasts(key: TokenKey, known: RememberedFailure, trying: RetryState, version: number): boolean {
    if (version <= known.version) return true;
    const now = this.#clock.now();
    return (
      isMadeWith(known.trying, this.#fingerprint(key)) && heldBackUntil(known.trying, now) > heldBackUntil(trying, now)
    );
  }

  /**
   * Returns the version that was stored, `lost` where another process has written the document meanwhile, or `failed` where
   * the store does not take it.
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

/** Returns when callers may try again: an attempt is made at least every 5 s while a passing failure turns them away. */
function retryAtForCallers(trying: RetryState): number {
  return trying.backingOff ? Math.min(trying.retryAt, trying.failedAt + MAX_WAIT_OF_CALLERS_MS) : trying.retryAt;
}

/** Returns whether a request has cost quota: one that never connected, or was never sent, has not. */
function hasReachedWeChat({ code, hostOnly }: TokenError): boolean {
  if (code === 'UPSTREAM_UNAVAILABLE') return !hostOnly;
  return code === 'UPSTREAM_REJECTED' || code === 'QUOTA_EXHAUSTED';
}
