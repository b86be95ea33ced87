import { MAX_WAIT_OF_CALLERS_MS } from '../model/backoff.js';
import { Deadline } from '../model/deadline.js';
import { isTokenError, TokenError } from '../model/errors.js';
import type { Force } from '../model/force.js';
import { InputMissing } from '../model/input-missing.js';
import type { ResolvedOptions } from '../model/options.js';
import type { RefreshReason } from '../model/refresher.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordReader } from '../records/record-reader.js';
import { ValidityRequests } from '../records/validity-requests.js';
import type { Flight } from '../refresh/single-flight.js';
import type { State } from '../refresh/state.js';
import type { TokenGetter } from '../refresh/token-getter.js';
import type { Storage } from '../store/storage.js';
import type { StoreClock } from '../store/store-clock.js';
import { ColdReads } from './cold-reads.js';
import type { Work } from './work.js';

type TokenSourceOptions = Pick<ResolvedOptions, 'fetchesWithoutStore' | 'refreshes' | 'timeoutMs'>;

const MAX_ROUNDS = 3;

/** Gets records: from memory, from the store, or by a refresh that all callers share. */
export class TokenSource implements TokenGetter {
  readonly #clock: StoreClock;
  readonly #state: State;
  readonly #work: Work;
  readonly #recordReader: RecordReader;
  readonly #options: TokenSourceOptions;
  readonly #coldReads: ColdReads;
  readonly #wishes: ValidityRequests;

  constructor(
    { clock }: Pick<Storage, 'clock'>,
    state: State,
    work: Work,
    recordReader: RecordReader,
    options: TokenSourceOptions,
  ) {
    this.#clock = clock;
    this.#state = state;
    this.#work = work;
    this.#recordReader = recordReader;
    this.#options = options;
    this.#coldReads = new ColdReads(state, recordReader, options.fetchesWithoutStore);
    this.#wishes = new ValidityRequests(clock);
  }

  async get(key: TokenKey): Promise<string> {
    return (await this.acquire(key, 0, this.#deadline())).value;
  }

  replaceStale(key: TokenKey, value: string): Promise<CachedRecord> {
    return this.refreshStale(key, value, this.#deadline());
  }

  /**
   * Asserts that the app of a key is registered.
   *
   * @throws a `TokenError` with code `NOT_REGISTERED` if the store does not know the app either.
   */
  async assertRegistered(key: TokenKey, deadline: Deadline): Promise<void> {
    const { registry } = this.#state;
    if (!registry.isCached(key)) await deadline.race(registry.load([key]));
    if (registry.app(key.appid) !== undefined) return;
    const why = registry.wasDeleted(key.appid)
      ? 'is no longer registered: it was unregistered, or the store has evicted it'
      : 'is not registered';
    throw new TokenError('NOT_REGISTERED', `${key.appid} ${why}`, key);
  }

  /**
   * Returns the current record, with a remaining lifetime above `wishMs` if such a record can be obtained.
   *
   * @throws a `TokenError` if there is no unexpired record and none can be obtained in time.
   */
  async acquire(key: TokenKey, wishMs: number, deadline: Deadline): Promise<CachedRecord> {
    const { records } = this.#state;
    // The read includes the registration, and the next line waits for the same read.
    let coldRead = this.#coldReads.withRegistration(key);
    try {
      await this.assertRegistered(key, deadline);
    } catch (error) {
      // The registration may have been evicted while the store is unavailable; the cached token is valid regardless.
      const held = records.cache.get(key);
      const isGood = held !== undefined && records.leftMs(held) > Math.max(records.minValidityMs(held), wishMs);
      if (isGood && isTokenError(error) && error.code === 'STORE_UNAVAILABLE') return held;
      throw error;
    }
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const held = records.cache.get(key) ?? (await deadline.race(coldRead ?? this.#coldReads.record(key)));
      coldRead = undefined;
      if (held === undefined || records.leftMs(held) <= 0) {
        const fresh = await this.#demand(key, deadline);
        if (records.leftMs(fresh) > 0) return fresh;
        continue;
      }
      this.#lookAfter(held);
      if (records.leftMs(held) > Math.max(records.minValidityMs(held), wishMs)) return held;
      const kept = await this.#freshen(held, wishMs, deadline);
      if (records.leftMs(kept) > 0) return kept;
    }
    throw new TokenError('UPSTREAM_REJECTED', 'every token that arrived had expired before it could be returned', {
      ...key,
      retryable: true,
    });
  }

  /** Returns a record with another value than `stale`, or the current one if another may not be fetched now. */
  async refreshStale(key: TokenKey, stale: string, deadline: Deadline): Promise<CachedRecord> {
    const { records } = this.#state;
    await this.assertRegistered(key, deadline);
    const differs = (record: CachedRecord | undefined): record is CachedRecord =>
      record !== undefined && record.value !== stale && records.leftMs(record) > records.minValidityMs(record);
    const held = records.cache.get(key);
    if (differs(held)) return held;
    const stored = await deadline.race(this.#recordReader.read(key));
    if (differs(stored)) return stored;
    const underWay = this.#work.flights.get(key);
    if (underWay !== undefined && underWay.stale !== stale) {
      const landed = await deadline.race(underWay.promise.catch(() => undefined));
      if (differs(landed)) return landed;
    }
    return this.#join(key, 'stale', stale, deadline);
  }

  /** Returns a record that was fetched after this call by any process. */
  async refreshForced(key: TokenKey, deadline: Deadline): Promise<CachedRecord> {
    const { records } = this.#state;
    const { flights } = this.#work;
    const at = this.#clock.now();
    const begun = flights.get(key);
    const tooEarly = begun?.hasAsked === true ? begun : undefined;
    await this.assertRegistered(key, deadline);
    // Another process may have refreshed the key without this process having been notified yet.
    await deadline.race(this.#recordReader.read(key));
    const held = records.cache.get(key);
    const force: Force = { at, version: held?.version ?? 0, value: held?.value };
    for (;;) {
      const underWay = flights.get(key);
      if (underWay === undefined || (underWay.reason === 'forced' && underWay !== tooEarly)) break;
      await deadline.race(underWay.promise.catch(() => undefined));
    }
    return this.#join(key, 'forced', undefined, deadline, force);
  }

  /** Starts in the background the confirmation or the refresh that a cached record needs. */
  #lookAfter(held: CachedRecord): void {
    const { records } = this.#state;
    const { flights, scheduler } = this.#work;
    const { key } = held;
    this.#recordReader.confirmInBackground(held);
    records.trust(held);
    if (!records.isDue(held) || this.#isScheduled(key)) return;
    if (flights.isHeldBack(key) || flights.get(key) !== undefined) return;
    scheduler.charge(key.appid);
    flights.fly(key, 'due', undefined);
  }

  /** Returns whether the schedule refreshes the key. A caller that has a token need not start the refresh earlier. */
  #isScheduled(key: TokenKey): boolean {
    const { registry } = this.#state;
    return this.#options.refreshes && registry.task(key) !== undefined && registry.hasApp(key.appid);
  }

  /** Tries to get a new record, as long as waiting does no harm, and returns the one that lives longest. */
  async #freshen(held: CachedRecord, wishMs: number, deadline: Deadline): Promise<CachedRecord> {
    const { records } = this.#state;
    const { flights } = this.#work;
    const { key } = held;
    const leftMs = records.leftMs(held);
    const isEnding = leftMs <= records.minValidityMs(held);
    if (flights.get(key) === undefined && !(isEnding ? this.#mayReplaceEnding(held) : this.#mayWish(held))) return held;
    const fresh = await deadline.settles(flights.fly(key, 'demand', undefined).promise, leftMs / 2);
    if (fresh === undefined || fresh.expiresAt < held.expiresAt) return records.cache.get(key) ?? held;
    if (records.leftMs(fresh) <= wishMs) this.#wishes.slowDown(fresh);
    return fresh;
  }

  #mayReplaceEnding(held: CachedRecord): boolean {
    const { records, retryStates, coolDowns } = this.#state;
    return records.isDue(held) && retryStates.active(held.key, true) === undefined && coolDowns.leftMs(held.key) === 0;
  }

  #mayWish(held: CachedRecord): boolean {
    return this.#state.retryStates.active(held.key, false) === undefined && this.#wishes.tryStart(held);
  }

  /**
   * Refreshes a key for a caller without a token. The caller waits for at most one attempt after the one that it
   * joined, if that is near.
   */
  async #demand(key: TokenKey, deadline: Deadline): Promise<CachedRecord> {
    const { retryStates, records } = this.#state;
    const failure = retryStates.active(key, true);
    if (failure?.local === true) {
      const stored = await deadline.race(this.#recordReader.read(key));
      if (stored !== undefined && records.leftMs(stored) > 0) return stored;
    }
    // A caller that was told of a failure may end its process, and the next process must find that failure in the store.
    const isFinal = failure !== undefined && !failure.isBeingStored;
    if (isFinal && !this.#isNear(failure.retryAt, deadline)) throw failure.error();
    try {
      return await this.#join(key, 'demand', undefined, deadline);
    } catch (error) {
      // An unavailable store is not a failed attempt, since no attempt was made.
      const next =
        isTokenError(error) && error.code === 'STORE_UNAVAILABLE' ? undefined : retryStates.active(key, true);
      if (next === undefined || !this.#isNear(next.retryAt, deadline)) throw error;
      // A caller may have come while the flight of the known failure was still ending: then no other attempt was made.
      if (failure !== undefined && next.failedAt !== failure.failedAt) throw error;
      return this.#join(key, 'demand', undefined, deadline);
    }
  }

  /** Returns whether a caller waits for an attempt at this instant. */
  #isNear(retryAt: number, deadline: Deadline): boolean {
    const waitMs = retryAt - this.#clock.now();
    return waitMs < MAX_WAIT_OF_CALLERS_MS && waitMs < deadline.leftMs();
  }

  async #join(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    deadline: Deadline,
    force?: Force,
  ): Promise<CachedRecord> {
    const flight = this.#work.flights.fly(key, reason, stale);
    try {
      if (force !== undefined) flight.force = force;
      return await deadline.race(flight.promise);
    } catch (error) {
      // The limit of force is no reason to refuse a caller without a token, who has joined a flight that force began.
      if (reason === 'demand' && wasLimited(flight, error)) return this.#join(key, reason, stale, deadline);
      throw error instanceof InputMissing ? error.error : error;
    }
  }

  #deadline(): Deadline {
    return new Deadline(this.#clock, this.#options.timeoutMs, undefined);
  }
}

/** Returns whether a flight that force began was ended by the limit of force, without a request. */
function wasLimited({ reason, hasAsked }: Flight<CachedRecord>, error: unknown): boolean {
  return reason === 'forced' && !hasAsked && isTokenError(error) && error.code === 'QUOTA_EXHAUSTED';
}
