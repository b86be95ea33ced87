import { MAX_WAIT_OF_CALLERS_MS } from '../model/backoff.js';
import type { CallbackPort } from '../model/callback-port.js';
import type { Closing } from '../model/closing.js';
import { isTokenError, type TokenError } from '../model/errors.js';
import { InputMissing } from '../model/input-missing.js';
import type { ResolvedOptions } from '../model/options.js';
import type { BuiltInRefresher, Upstream } from '../model/refresher.js';
import type { TokenKey } from '../model/token-key.js';
import type { Counter } from '../primitives/counters.js';
import type { CachedRecord } from '../records/cached-record.js';
import { revokeEarlier } from '../records/earlier-tokens.js';
import type { GrantWriter } from '../records/grant-writer.js';
import type { PendingGrants } from '../records/pending-grants.js';
import type { RecordReader, RecordRestorer } from '../records/record-reader.js';
import { remainsLeftOver } from '../registry/left-overs.js';
import { CountedLimits } from '../store/counted-limits.js';
import { FailureBudget } from '../store/failure-budget.js';
import type { Storage } from '../store/storage.js';
import { Attempt, type Progress } from './attempt.js';
import { coolingDependency } from './cooling-dependency.js';
import { FirstAttempts } from './first-attempts.js';
import { pauseFlight } from './flight-pause.js';
import type { FlightWork } from './flights.js';
import { InputGatherer } from './input-gatherer.js';
import { inputContended, pushMissing, refresherMissing, registrationLost } from './missing-inputs.js';
import { type Outcome, type Restart, START_AGAIN } from './outcome.js';
import { areOutdated, type RefreshInputs } from './refresh-inputs.js';
import { RefreshLeases, type TakenLease } from './refresh-leases.js';
import type { RegistrationLoader } from './registration-loader.js';
import { ReportLimit } from './report-limit.js';
import type { Flight } from './single-flight.js';
import type { State } from './state.js';
import { StoredAnswers } from './stored-answers.js';
import type { TokenGetter } from './token-getter.js';

export interface RefreshParts extends Storage, State {
  readonly options: Pick<ResolvedOptions, 'times' | 'accessToken' | 'fetchesWithoutStore'>;
  readonly refresherOf: (type: string) => BuiltInRefresher | undefined;
  readonly upstream: Upstream;
  readonly writer: GrantWriter;
  readonly pendingGrants: PendingGrants;
  readonly recordReader: RecordReader;
  readonly restorer: RecordRestorer;
  readonly registrationLoader: RegistrationLoader;
  readonly callbacks: Pick<CallbackPort, 'askParams'>;
  readonly tokens: TokenGetter;
  /** The counter of leases that were held by another process. */
  readonly leaseContentions: Counter;
  readonly closing: Closing;
}

/**
 * The maximum number of times that a refresh starts again. Two inputs can be refused; further changes come from other
 * writers.
 */
const MAX_CHANGES = 4;

/**
 * Makes one refresh from start to end: it gathers the inputs, acquires the lease, makes the attempt, and writes and
 * publishes the result.
 */
export class Refresh implements FlightWork {
  readonly #parts: RefreshParts;
  readonly #answers: StoredAnswers;
  readonly #leases: RefreshLeases;
  readonly #inputs: InputGatherer;
  readonly #firstAttempts: FirstAttempts;
  readonly #reports: ReportLimit;
  readonly #attempts: Attempt;

  constructor(parts: RefreshParts) {
    const { store, reader, clock, records, options } = parts;
    const { times, accessToken, fetchesWithoutStore } = options;
    const budget = new FailureBudget(store, reader, clock);
    const countedLimits = new CountedLimits(store, reader, () => clock.now());
    this.#parts = parts;
    this.#answers = new StoredAnswers(parts);
    this.#leases = new RefreshLeases({ ...parts, answers: this.#answers, fetchesWithoutStore });
    this.#inputs = new InputGatherer(parts);
    this.#firstAttempts = new FirstAttempts({ ...parts, budget, accessToken });
    this.#reports = new ReportLimit(countedLimits, records);
    this.#attempts = new Attempt({ ...parts, times, accessToken, countedLimits, budget });
  }

  /**
   * Refreshes the key of a flight.
   *
   * @throws InputMissing, or a `TokenError` if the attempt failed or could not be made.
   */
  async run(flight: Flight<CachedRecord>): Promise<CachedRecord> {
    const record = await this.#newRecord(flight);
    return flight.reason === 'forced' ? revokeEarlier(record, this.#parts) : record;
  }

  /** Returns the record that the flight needs: the answer of WeChat, or what another refresh has stored. */
  async #newRecord(flight: Flight<CachedRecord>): Promise<CachedRecord> {
    const { registry, records, pendingGrants, retryStates, refresherOf, registrationLoader, clock, closing } =
      this.#parts;
    const { key } = flight;
    const begunAt = clock.now();
    closing.assertOpen();
    if (!flight.urgent) await this.#assertNothingCools(flight);
    const refresher = refresherOf(key.type);
    const knownAtStart = records.cache.get(key)?.version ?? 0;
    const { generation } = records.displaced;
    if (refresher === undefined) throw refresherMissing(key);
    if (refresher.pushed === true) throw pushMissing(key);
    const progress: Progress = {
      refresher,
      answered: [],
      mayReplaceDependencies: true,
      isAllowed: false,
      fingerprint: retryStates.fingerprint(key),
      hadTask: false,
      hasFailed: false,
      changes: 0,
      asksParams: false,
    };
    const refreshed = await this.#leases.leaveToOthers(flight, knownAtStart);
    if (refreshed !== undefined) return refreshed;
    for (;;) {
      closing.assertOpen();
      await registrationLoader.load([key]);
      if (records.displaced.generation > 0 && (await remainsLeftOver(registry, key))) throw registrationLost(key);
      const isSameStore = records.displaced.generation === generation;
      const knownBefore = Math.max(knownAtStart, flight.knownVersion);
      const knownVersion = isSameStore ? knownBefore : this.#knownSinceReplacement(flight);
      const written = await pendingGrants.write(key);
      if (written !== undefined && flight.reason !== 'forced') return written;
      await this.#firstAttempts.check(key);
      if (await this.#coolsDown(flight, begunAt)) continue;
      progress.fingerprint = retryStates.fingerprint(key);
      progress.hadTask = registry.task(key) !== undefined;
      const inputs = await this.#inputs.gather(key, refresher, progress.asksParams);
      const outcome = await this.#attempt(flight, knownVersion, inputs, progress);
      if (outcome.kind === 'done') return outcome.record;
      await this.#prepareRestart(key, outcome, progress);
    }
  }

  /** Prepares the refresh to start again, as the reason requires. */
  async #prepareRestart(key: TokenKey, restart: Restart, progress: Progress): Promise<void> {
    if (restart.because === 'staleDependency') {
      progress.mayReplaceDependencies = false;
      const { tokens } = this.#parts;
      for (const dependency of restart.dependencies) await tokens.replaceStale(dependency.key, dependency.value);
    } else if (restart.because === 'paramsWanted') {
      progress.asksParams = true;
    } else if (restart.because === 'documentChanged') {
      progress.changes += 1;
      if (progress.changes > MAX_CHANGES) throw inputContended(key);
    }
  }

  /** Acquires the lease and makes the attempt, unless the refresh has become needless by then. */
  async #attempt(
    flight: Flight<CachedRecord>,
    knownVersion: number,
    inputs: RefreshInputs,
    progress: Progress,
  ): Promise<Outcome> {
    const { registry, records } = this.#parts;
    try {
      const taken = await this.#leases.acquire(flight, knownVersion);
      if (taken.kind !== 'lease') return taken;
      // Tokens that the key depends on may have expired while the flight waited for the lease.
      const isOutdated = progress.changes === 0 && areOutdated(inputs, registry, records);
      if (isOutdated) return await this.#releaseAndRestart(taken);
      return await this.#underLease(taken, flight, knownVersion, inputs, progress);
    } catch (error) {
      if (!isTokenError(error) || !this.#hasNewInput(flight.key, progress)) throw error;
      // The input that arrived during the attempt has not failed yet.
      return START_AGAIN;
    }
  }

  /** Returns whether the failed attempt was made with another input than the present one. */
  #hasNewInput(key: TokenKey, progress: Progress): boolean {
    if (!progress.hasFailed || progress.changes >= MAX_CHANGES) return false;
    progress.hasFailed = false;
    return this.#attempts.hasNewInput(key, progress);
  }

  /**
   * Makes the attempt under the lease. In any case the place is released, and the lease too, unless it is kept for a
   * withheld grant.
   */
  async #underLease(
    { lease, document: decoded, giveBack }: TakenLease,
    flight: Flight<CachedRecord>,
    knownVersion: number,
    inputs: RefreshInputs,
    progress: Progress,
  ): Promise<Outcome> {
    const { store, documents, restorer, pendingGrants } = this.#parts;
    let wasAnswered: boolean | undefined;
    try {
      const document = await documents.decode(flight.key, lease.document, decoded);
      let outcome: Outcome | undefined = (await restorer.restoreNewer(flight.key, document))
        ? START_AGAIN
        : this.#answers.settledBy(document, flight, knownVersion);
      outcome ??= await this.#reports.draw(flight, document, progress);
      if (outcome === undefined) {
        // The refresher may call this manager, and the refresh of another key then needs a place as well.
        if (progress.refresher.asksThroughContext !== true) giveBack();
        outcome = await this.#attempts.run(flight, lease, document, inputs, progress);
        // The write has released the lease.
        if (outcome.kind === 'done') {
          wasAnswered = true;
          return outcome;
        }
      }
      await store.release(lease);
      return outcome;
    } catch (error) {
      if (isTokenError(error)) wasAnswered = isAnswer(error);
      if (!pendingGrants.keepsLease(flight.key, lease)) await store.release(lease);
      throw error;
    } finally {
      giveBack(wasAnswered);
    }
  }

  /**
   * Returns the version above which a record is new after the store was replaced. Versions begin anew in the new store,
   * so its record was stored since, unless this process put it back.
   */
  #knownSinceReplacement({ key, reason }: Flight<CachedRecord>): number {
    return reason === 'forced' ? (this.#parts.records.cache.get(key)?.version ?? 0) : 0;
  }

  async #releaseAndRestart({ lease, giveBack }: TakenLease): Promise<Restart> {
    giveBack();
    await this.#parts.store.release(lease);
    return START_AGAIN;
  }

  /**
   * Rejects a refresh without a waiting caller while a token that the key depends on has a cool-down.
   *
   * @throws InputMissing
   */
  async #assertNothingCools(flight: Flight<CachedRecord>): Promise<void> {
    const cooling = await coolingDependency(flight.key, this.#parts);
    // If a caller waits by now, its request for the dependency follows the rules for callers.
    if (cooling !== undefined && !flight.urgent) throw new InputMissing(cooling);
  }

  /**
   * Waits for the next attempt if a caller waits and that attempt is near.
   *
   * @throws the error of the last attempt otherwise, and of one that another process has made since this refresh began:
   *   of several processes that wait for the same instant only one makes the attempt, and the others would wait for
   *   one attempt after the other.
   */
  async #coolsDown(flight: Flight<CachedRecord>, begunAt: number): Promise<boolean> {
    const { retryStates, clock } = this.#parts;
    const failure = retryStates.active(flight.key, flight.urgent);
    if (failure === undefined) return false;
    const waitMs = failure.retryAt - clock.now();
    const wasAwaited = failure.failedAt > begunAt;
    if (!flight.urgent || wasAwaited || waitMs >= MAX_WAIT_OF_CALLERS_MS) throw failure.error();
    await pauseFlight(flight, this.#parts, waitMs);
    return true;
  }
}

/** Returns whether WeChat answered a failed request; `undefined` if no request was made. */
function isAnswer({ code, errcode }: TokenError): boolean | undefined {
  if (errcode !== undefined) return true;
  return code === 'UPSTREAM_UNAVAILABLE' ? false : undefined;
}
