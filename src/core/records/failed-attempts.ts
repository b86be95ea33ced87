import { isBackingOff, nextAttemptAt } from '../model/backoff.js';
import type { Enrolment } from '../model/enrolment.js';
import { type TokenError, withFacts } from '../model/errors.js';
import { type Events, tokenEvent } from '../model/events.js';
import { failureFacts } from '../model/failure-facts.js';
import { lifeMs } from '../model/refresh-policy.js';
import { endsOf, withEndsTold } from '../model/rotation.js';
import type { Lease } from '../model/store.js';
import type { TokenKey } from '../model/token-key.js';
import type { FailureBudget } from '../store/failure-budget.js';
import { type KeyDocument, nextDueAt, type RetryState, retryAtForCallers } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import { deleteIfEnded } from '../store/registration-check.js';
import type { Storage } from '../store/storage.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { type Fingerprint, isMadeWith } from './fingerprint.js';
import type { RecordCache } from './record-cache.js';

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

/** Records failed attempts: how many there were in a row, when the next one may be made, and what users are told. */
export class FailedAttempts {
  readonly #store: SupervisedStore;
  readonly #documents: KeyDocuments;
  readonly #cache: RecordCache;
  readonly #clock: StoreClock;
  readonly #events: Events;

  constructor({ store, documents, clock }: Storage, cache: RecordCache, events: Events) {
    this.#store = store;
    this.#documents = documents;
    this.#cache = cache;
    this.#clock = clock;
    this.#events = events;
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
    // The failure is not stored yet, so reading the document that the attempt was based on must not clear it.
    const basis = error.hostOnly ? {} : { unstoredOn: { refreshToken: document.rotation?.token } };
    this.#cache.setFailure(key, { trying, local: error.hostOnly, version, ...basis });
    const written = error.hostOnly ? 'failed' : await this.#write(key, document, trying, lease, attempted.enrolment);
    const hasNewerRecord = this.#hasNewerRecord(key, version);
    const outcome = written === 'failed' && hasNewerRecord ? 'lost' : written;
    if (outcome === 'lost' && error.code === 'REAUTHORIZATION_REQUIRED') {
      this.#cache.clearFailure(key);
      return undefined;
    }
    const isStored = typeof outcome === 'number';
    if (!isStored) {
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

  /** Returns the last failure with the same input, stored or remembered: the one with more attempts. */
  #before(key: TokenKey, stored: RetryState | undefined, { fingerprint }: Attempted): RetryState | undefined {
    const found = [stored, this.#cache.failure(key)?.trying].filter(
      (trying) => trying !== undefined && isMadeWith(trying, fingerprint),
    );
    return found.reduce((most, trying) => ((trying?.attempts ?? 0) > (most?.attempts ?? 0) ? trying : most), undefined);
  }

  /** Returns whether the stored record that is cached is newer than this version of the key's document. */
  #hasNewerRecord(key: TokenKey, version: number): boolean {
    const held = this.#cache.get(key);
    return version !== 0 && held?.isStored === true && version < held.version;
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
      if (version !== undefined && isFirst) await deleteIfEnded(this.#store, key, version, enrolment);
      return version ?? 'lost';
    } catch {
      return 'failed';
    }
  }
}

/** Returns whether a request has used quota: one that never connected, or was never sent, has not. */
function hasReachedWeChat({ code, hostOnly }: TokenError): boolean {
  if (code === 'UPSTREAM_UNAVAILABLE') return !hostOnly;
  return code === 'UPSTREAM_REJECTED' || code === 'QUOTA_EXHAUSTED';
}
