import { Semaphore } from '../concurrency/semaphore.js';
import type { Closing } from '../model/closing.js';
import { belongsTo, type Enrolment, enrolmentOf, marksOf } from '../model/enrolment.js';
import { isTokenError, TokenError } from '../model/errors.js';
import { InputMissing } from '../model/input-missing.js';
import type { RefreshTimes } from '../model/refresh-policy.js';
import type { AccessTokenMode, AppCredentials, BuiltInRefresher, Upstream } from '../model/refresher.js';
import { isDynamicParams } from '../model/registration.js';
import type { Intent, ReceivedToken } from '../model/rotation.js';
import type { Lease } from '../model/store.js';
import type { TokenKey } from '../model/token-key.js';
import type { TokenRecord } from '../model/token-record.js';
import { noop } from '../primitives/noop.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Attempted } from '../records/failed-attempts.js';
import type { Fingerprint } from '../records/fingerprint.js';
import { InvalidGrant, readReturnedGrant } from '../records/given-grant.js';
import { receivedToken, savedToken, storedGrant } from '../records/grant.js';
import type { GrantWriter, WriteOptions } from '../records/grant-writer.js';
import type { PendingGrants } from '../records/pending-grants.js';
import { paramsHashOf } from '../registry/attempt-input.js';
import { credentialsOf } from '../registry/registration-document.js';
import { tokenAwaitedUntil, unsettledRefusal } from '../store/awaited-tokens.js';
import type { CountedLimits } from '../store/counted-limits.js';
import type { FailureBudget } from '../store/failure-budget.js';
import type { KeyDocument, StoredGrant } from '../store/key-document.js';
import { deleteIfEnded, mayBeginAgain, reloadRegistration } from '../store/registration-check.js';
import type { Storage } from '../store/storage.js';
import { notRegistered } from '../store/write-errors.js';
import { type Asked, askRefresher } from './ask-refresher.js';
import { isBudgeted } from './first-attempts.js';
import { done, type Outcome, type Restart, START_AGAIN } from './outcome.js';
import type { RefreshInputs } from './refresh-inputs.js';
import type { Flight } from './single-flight.js';
import { Spending } from './spending.js';
import type { State } from './state.js';

export interface AttemptParts extends Storage, State {
  readonly writer: GrantWriter;
  readonly pendingGrants: PendingGrants;
  readonly countedLimits: CountedLimits;
  readonly upstream: Upstream;
  readonly times: RefreshTimes;
  readonly accessToken: AccessTokenMode;
  readonly budget: FailureBudget;
  readonly closing: Closing;
}

/** The state of one refresh that is kept when the refresh starts again. */
export interface Progress {
  readonly refresher: BuiltInRefresher;
  /** The intents of this refresh that WeChat has answered. */
  readonly answered: Intent[];
  /** Whether stale dependencies may still be replaced, which is done once. */
  mayReplaceDependencies: boolean;
  /** Whether the cost of a stale report or force has been drawn from its limit. */
  isAllowed: boolean;
  /** The fingerprint of the present attempt's input. */
  fingerprint: Fingerprint;
  /** Whether the key had a task when the fingerprint was taken. */
  hadTask: boolean;
  /** Whether WeChat has been asked, and the result is recorded as a failure. */
  hasFailed: boolean;
  /** The number of times that the document or the input has changed during the refresh. */
  changes: number;
  /** Whether the params URL is asked even if the store seems to have the input. */
  asksParams: boolean;
}

/** The checked answer to one attempt. */
interface Answer {
  readonly kind: 'granted';
  readonly grant: StoredGrant;
  readonly received: ReceivedToken | undefined;
}

/** The state of one attempt. */
interface AttemptContext {
  /** The key's document as it was when the lease was granted. */
  readonly document: KeyDocument;
  readonly lease: Lease;
  readonly spending: Spending;
  /** The registration of the key when the attempt began. */
  readonly enrolment: Enrolment;
  readonly credentials: AppCredentials;
}

/** The number of concurrent announcements. A file store can use four threads. */
const MAX_ANNOUNCING = 4;
/**
 * The time after a refusal until params from a function or URL are requested again, which may offer another refresh
 * token. Any other change of the input is noticed by itself.
 */
const RETRY_WITH_DYNAMIC_PARAMS_MS = 600_000;
const RETRY_WITH_FIXED_PARAMS_MS = 24 * 3_600_000;

/** Makes the one request that a lease is acquired for, and stores the result, be it a grant or a failure. */
export class Attempt {
  readonly #parts: AttemptParts;
  /** The limit of concurrent announcements of inputs, so that the writes of answers do not queue behind them. */
  readonly #announcing = new Semaphore(MAX_ANNOUNCING);

  constructor(parts: AttemptParts) {
    this.#parts = parts;
  }

  /**
   * Makes one attempt.
   *
   * @throws InputMissing, or a `TokenError`.
   */
  async run(
    flight: Flight<CachedRecord>,
    lease: Lease,
    document: KeyDocument,
    inputs: RefreshInputs,
    progress: Progress,
  ): Promise<Outcome> {
    const { registry, retryStates, writer, pendingGrants, accessToken, store, documents, clock, closing } = this.#parts;
    const { mayReplaceDependencies, answered } = progress;
    const { key, reason } = flight;
    const app = registry.app(key.appid);
    if (app === undefined) throw new TokenError('NOT_REGISTERED', `${key.appid} is not registered`, key);
    // The inputs were gathered before the lease was acquired, perhaps for a task that has been unregistered since.
    if (!retryStates.fingerprint(key).hasSameInput(progress.fingerprint)) return START_AGAIN;
    const task = registry.task(key);
    const enrolment = enrolmentOf(app, task);
    const { hadTask } = enrolment;
    // The task object is updated with new params, so the params that the offered input comes from are captured here.
    const params = task?.params;
    const { urlNotAsked, tokens } = inputs;
    const spending = new Spending({
      key,
      // A document with a hidden grant keeps its old marks until a grant replaces it, so that the hidden one stays hidden.
      document: document.hidden === undefined ? { ...document, enrolment: marksOf(enrolment) } : document,
      hadTask,
      answered,
      urlNotAsked,
      isPushed: (value) => [...tokens.values()].some((token) => token.pushed && token.value === value),
      params: () => paramsHashOf(params),
      retryAfterRefusalMs: isDynamicParams(params) ? RETRY_WITH_DYNAMIC_PARAMS_MS : RETRY_WITH_FIXED_PARAMS_MS,
      isOutdated: () => this.hasNewInput(key, progress),
      deleteIfEnded: (version) => this.#deleteIfEnded(key, version, enrolment),
      documents,
      clock,
      announcing: this.#announcing,
    });
    closing.assertOpen();
    const credentials = credentialsOf(app, accessToken);
    flight.asks();
    const attempt: AttemptContext = { document, lease, spending, enrolment, credentials };
    let answer: Answer | Exclude<Asked, { kind: 'granted' }>;
    try {
      answer = await this.#ask(flight, progress, inputs, attempt);
    } catch (error) {
      if (error instanceof InputMissing) throw error;
      return this.#fail(key, error as TokenError, attempt, progress);
    }
    if (answer.kind === 'restart') return answer;
    if (answer.kind === 'stale') {
      if (!mayReplaceDependencies) return this.#fail(key, answer.error, attempt, progress);
      if (spending.intent !== undefined) answered.push(spending.intent);
      return { kind: 'restart', because: 'staleDependency', dependencies: answer.dependencies };
    }
    const { grant, received } = answer;
    const options: WriteOptions = { source: 'upstream', reason, lease, enrolment, received, spent: spending.spent };
    try {
      return done(await writer.write(key, spending.document, grant, options));
    } catch (error) {
      if (!isTokenError(error)) throw error;
      if (error.code === 'NOT_REGISTERED' && (await mayBeginAgain(registry, key, enrolment, flight.urgent)))
        return START_AGAIN;
      if (error.code !== 'STORE_UNAVAILABLE') throw error;
      if (received !== undefined) throw pendingGrants.withhold(key, grant, options, error);
      // The store cannot say that the registration has ended, but this process may know.
      if (registry.wasDeleted(key.appid)) throw notRegistered(key);
      if (!belongsTo(enrolment, registry.enrolment(key))) return START_AGAIN;
      void store.release(lease);
      return done(pendingGrants.serve(key, spending.document.version, grant, options));
    }
  }

  /**
   * Returns whether another input has been registered or pushed since the present attempt began. Removed input does not
   * count.
   */
  hasNewInput(key: TokenKey, { fingerprint, hadTask }: Progress): boolean {
    const { registry, retryStates } = this.#parts;
    const hasGone = !registry.hasApp(key.appid) || (hadTask && registry.task(key) === undefined);
    return !hasGone && !retryStates.fingerprint(key).hasSameInput(fingerprint);
  }

  /** Deletes the document that an announcement has created if the registration has ended, and returns whether it has. */
  async #deleteIfEnded(key: TokenKey, version: number, enrolment: Enrolment): Promise<boolean> {
    const hasEnded = await deleteIfEnded(this.#parts.store, key, version, enrolment);
    if (hasEnded) await reloadRegistration(this.#parts.registry, key);
    return hasEnded;
  }

  /**
   * Records a failure.
   *
   * @returns a reason to start again.
   * @throws the `TokenError` for waiting callers, if there is no such reason.
   */
  async #fail(key: TokenKey, error: TokenError, attempt: AttemptContext, progress: Progress): Promise<Restart> {
    const { document, lease, spending, enrolment, credentials } = attempt;
    const { registry, retryStates, records, pendingGrants } = this.#parts;
    const isRefusal = error.code === 'REAUTHORIZATION_REQUIRED';
    // The user may have authorized again, or the secret may have been replaced, and been registered by another process, of
    // which this one has not been notified. Such a user must not be asked once more, and a notification that was lost
    // would leave this process with a refused secret. If the store does not answer, what is known here counts.
    if (isRefusal || isRejection(error)) await reloadRegistration(registry, key).catch(noop);
    const budget = isBudgeted(key, credentials) ? this.#parts.budget : undefined;
    const leftMs = document.grant === undefined ? 0 : records.leftOfGrantMs(key, document.grant);
    const attempted: Attempted = { fingerprint: progress.fingerprint, enrolment, leftMs, budget };
    const settled = await spending.settle(error).catch((settling: unknown) => {
      if (isTokenError(settling)) return settling;
      throw settling;
    });
    if (!isTokenError(settled)) return settled;
    if (isRefusal && this.hasNewInput(key, progress)) return START_AGAIN;
    const certain = settled.code === 'REAUTHORIZATION_REQUIRED' ? await this.#certain(key, settled, document) : settled;
    const recorded = await retryStates.record(key, spending.document, lease, certain, attempted);
    if (recorded === undefined) return START_AGAIN;
    const { failure, isStored } = recorded;
    const { kept: received, spent } = spending;
    if (!isStored && received !== undefined)
      pendingGrants.withholdToken(key, { source: 'upstream', enrolment, received, spent, lease });
    progress.hasFailed = true;
    throw failure;
  }

  /**
   * Returns a refusal, or the error of one that is not certain yet because the store was replaced: it may show a refresh
   * token that was used up, while another process holds the newer one.
   */
  async #certain(key: TokenKey, refusal: TokenError, document: KeyDocument): Promise<TokenError> {
    const { store, clock } = this.#parts;
    // A store that cannot tell may be about to show an earlier state.
    const replacedAt = await store.lookAtHistory().catch(() => clock.now());
    const awaitedUntil = tokenAwaitedUntil(document, replacedAt, clock.now());
    return awaitedUntil === 0 ? refusal : unsettledRefusal(key, refusal, awaitedUntil);
  }

  async #ask(
    flight: Flight<CachedRecord>,
    { refresher }: Progress,
    inputs: RefreshInputs,
    { credentials: app, spending, enrolment }: AttemptContext,
  ): Promise<Answer | Exclude<Asked, { kind: 'granted' }>> {
    const { key, reason, stale } = flight;
    const { clock, upstream, countedLimits, pendingGrants, times, closing } = this.#parts;
    const askedAtWall = clock.now();
    const askedAtMonotonic = clock.monotonic();
    // A clock that is set during the request must not falsify the grant's instants. If the store confirms that the
    // clock is ahead, the machine may have slept instead. Only the monotonic clock has fractions of milliseconds: rounded
    // down, the difference could make the grant seem older than one that was put or fetched in the same millisecond.
    const askedAt = (): number =>
      Math.min(askedAtWall, Math.ceil(clock.now() - (clock.monotonic() - askedAtMonotonic)));
    const asked = await askRefresher({
      key,
      app,
      refresher,
      reason,
      stale,
      previous: this.#previous(key, spending.document),
      inputs,
      clock,
      upstream,
      countedLimits,
      spending,
      cameLate: (late) => {
        const received = savedToken(readReturnedGrant(late).grant, askedAt());
        const { spent } = spending;
        if (received === undefined || spent === undefined || closing.hasBegun) return;
        void pendingGrants.withholdLate(key, { source: 'upstream', enrolment, received, spent });
      },
    });
    if (asked.kind !== 'granted') return asked;
    await clock.check();
    const { grant: given, problem } = readReturnedGrant(asked.grant);
    try {
      if (problem !== undefined) throw problem;
      const grant = storedGrant(given, askedAt(), clock.now(), times, clock.random());
      return { kind: 'granted', grant, received: receivedToken(given, grant) };
    } catch (error) {
      spending.keep(savedToken(given, askedAt()));
      const why = error instanceof InvalidGrant ? error.message : 'it cannot be read';
      const message = `the answer for ${key.type} cannot be used: ${why}`;
      throw new TokenError('UPSTREAM_REJECTED', message, { ...key, retryable: true });
    }
  }

  /**
   * Returns the newest known record, since another process may have stored one that this process has not been notified
   * of.
   */
  #previous(key: TokenKey, document: KeyDocument): TokenRecord | undefined {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    const stored = records.recordOf(key, document);
    if (held === undefined || (stored !== undefined && stored.version > held.version)) return stored;
    return records.show(held);
  }
}

/** Returns whether WeChat has rejected the input, such as the secret, and may do so until it is replaced. */
function isRejection({ code, errcode, retryable }: TokenError): boolean {
  return code === 'UPSTREAM_REJECTED' && errcode !== undefined && !retryable;
}
