import type { Place } from '../concurrency/places.js';
import type { TaskSchedule } from '../concurrency/task-schedule.js';
import { MAX_WAIT_OF_CALLERS_MS } from '../model/backoff.js';
import type { Closing } from '../model/closing.js';
import type { Deadline } from '../model/deadline.js';
import { isTokenError, TokenError } from '../model/errors.js';
import { type Events, tokenEvent } from '../model/events.js';
import type { Force } from '../model/force.js';
import { NeedMissing } from '../model/need-missing.js';
import type { RefreshReason } from '../model/refresher.js';
import { appDocumentId, documentId, type TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Failures } from '../records/failures.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import { Recoveries } from '../records/recoveries.js';
import { type SetbackEnd, Setbacks } from '../records/setbacks.js';
import { Wishes } from '../records/wishes.js';
import type { Claim } from '../refresh/claim.js';
import type { Flight, SingleFlight } from '../refresh/single-flight.js';
import type { HeldTask } from '../registry/held-task.js';
import type { Registry } from '../registry/registry.js';
import type { StoreClock } from '../store/store-clock.js';
import { ColdReads } from './cold-reads.js';

export interface TokenSourceParts {
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: Failures;
  readonly recordReader: RecordReader;
  /** Runs a flight: refreshes, or waits for the processes that do. */
  readonly run: (flight: Flight<CachedRecord>) => Promise<CachedRecord>;
  readonly flights: SingleFlight<CachedRecord>;
  readonly schedule: TaskSchedule<HeldTask>;
  /** Makes room for a refresh that a caller waits for. */
  readonly owe: (appid: string) => void;
  /** Makes a key due for the whole fleet that a failure has put off. */
  readonly hurry: (key: TokenKey) => void;
  /** Returns how many milliseconds a background refresh of this app has to wait; at 0 it may begin. */
  readonly pauseOfApp: (appid: string) => number;
  /** Gives back what it allowed to one that has asked for nothing. */
  readonly giveBackOfApp: (appid: string) => void;
  readonly events: Events;
  readonly fetchesWithoutStore: boolean;
  /** Whether this process takes part in what is due. */
  readonly refreshes: boolean;
  readonly closing: Closing;
}

const MAX_ROUNDS = 3;

/** Gets records: from memory, from the store, or by a refresh that all callers share. */
export class TokenSource {
  readonly #parts: TokenSourceParts;
  readonly #coldReads: ColdReads;
  readonly #wishes: Wishes;
  readonly setbacks: Setbacks;
  readonly #recoveries: Recoveries;

  constructor(parts: TokenSourceParts) {
    this.#parts = parts;
    this.#coldReads = new ColdReads(parts);
    this.#wishes = new Wishes(parts.clock);
    this.setbacks = new Setbacks(parts.clock);
    this.#recoveries = new Recoveries(parts, this.setbacks);
  }

  /**
   * @throws a `TokenError` with code `NOT_REGISTERED` for an app that the store does not know either.
   */
  async assertRegistered(key: TokenKey, deadline: Deadline): Promise<void> {
    const { registry } = this.#parts;
    if (!registry.isAtHand(key)) await deadline.race(registry.look([key]));
    if (registry.app(key.appid) !== undefined) return;
    const why = registry.wasDeleted(key.appid)
      ? 'is not registered any longer: it was unregistered, or the store has evicted it'
      : 'is not registered';
    throw new TokenError('NOT_REGISTERED', `${key.appid} ${why}`, key);
  }

  /**
   * Returns the record in force, with more than `wishMs` left if that can be had.
   *
   * @throws a `TokenError` when there is no unexpired one and none can be had in time.
   */
  async acquire(key: TokenKey, wishMs: number, deadline: Deadline): Promise<CachedRecord> {
    const { records } = this.#parts;
    // What is registered comes with it: the next line waits for the same read.
    let coldRead = this.#coldReads.withRegistration(key);
    try {
      await this.assertRegistered(key, deadline);
    } catch (error) {
      // What is registered can have dropped out of memory, and the store be away: the token is as good as before.
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
    throw new TokenError('UPSTREAM_REJECTED', 'every token that came had ended before it could be handed out', {
      ...key,
      retryable: true,
    });
  }

  /** Returns a record with another value than `stale`; the current one when another may not be fetched now. */
  async refreshStale(key: TokenKey, stale: string, deadline: Deadline): Promise<CachedRecord> {
    const { records, recordReader } = this.#parts;
    await this.assertRegistered(key, deadline);
    const differs = (record: CachedRecord | undefined): record is CachedRecord =>
      record !== undefined && record.value !== stale && records.leftMs(record) > records.minValidityMs(record);
    const held = records.cache.get(key);
    if (differs(held)) return held;
    const stored = await deadline.race(recordReader.read(key));
    if (differs(stored)) return stored;
    const underWay = this.#parts.flights.get(key);
    if (underWay !== undefined && underWay.stale !== stale) {
      const landed = await deadline.race(underWay.promise.catch(() => undefined));
      if (differs(landed)) return landed;
    }
    return this.#join(key, 'stale', stale, deadline);
  }

  /** Returns a record that was fetched after this call, by whichever process, in place of what was in force. */
  async refreshForced(key: TokenKey, deadline: Deadline): Promise<CachedRecord> {
    const { flights, records, recordReader, clock } = this.#parts;
    const at = clock.now();
    const begun = flights.get(key);
    const tooEarly = begun?.hasAsked === true ? begun : undefined;
    await this.assertRegistered(key, deadline);
    // Another process may have refreshed it unnoticed here.
    await deadline.race(recordReader.read(key));
    const held = records.cache.get(key);
    const force: Force = { at, version: held?.version ?? 0, value: held?.value };
    for (;;) {
      const underWay = flights.get(key);
      if (underWay === undefined || (underWay.reason === 'forced' && underWay !== tooEarly)) break;
      await deadline.race(underWay.promise.catch(() => undefined));
    }
    return this.#join(key, 'forced', undefined, deadline, force);
  }

  /** Refreshes a key that is due. Never rejects; whatever happens, the key is due again later. */
  async onDue(task: HeldTask, place: Place<HeldTask>): Promise<void> {
    const { records, registry, schedule, clock, pauseOfApp, giveBackOfApp, closing } = this.#parts;
    const { key } = task;
    place.hasAsked = place.hasSucceeded = false;
    if (closing.hasBegun || registry.task(key) !== task || !registry.knows(key.appid)) return;
    const held = records.cache.get(key);
    if (held !== undefined && !records.isDue(held)) return this.reschedule(key);
    const pauseMs = pauseOfApp(key.appid);
    if (pauseMs > 0) {
      schedule.set(task, clock.now() + pauseMs);
      return;
    }
    const flight = this.#fly(key, 'due', undefined);
    place.hasSucceeded = await flight.hasLanded();
    place.hasAsked = flight.hasAsked;
    if (!flight.hasAsked) giveBackOfApp(key.appid);
  }

  /** Refreshes a key with a lease that the schedule has taken for it. */
  flyClaimed(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    claim: Claim,
    knownVersion: number,
  ): Flight<CachedRecord> {
    const flight = this.#fly(key, reason, stale);
    flight.give(claim, knownVersion);
    return flight;
  }

  /** Returns whether only a caller may cause an attempt now. */
  isHeldBack(key: TokenKey): boolean {
    return this.#parts.failures.active(key, false) !== undefined || this.setbacks.leftMs(key) > 0;
  }

  /** Sets when a key with a task is due next, from what is known of it now. */
  reschedule(key: TokenKey): void {
    const { schedule, registry, records, failures, clock } = this.#parts;
    this.#wakeWaiting(key);
    this.#recoveries.look(key);
    const task = registry.task(key);
    if (task === undefined) return;
    // The notification of a task may come before that of its app, which reschedules it.
    if (!registry.knows(key.appid)) {
      schedule.delete(task);
      return;
    }
    const held = records.cache.get(key);
    const dueAt = held === undefined ? 0 : records.dueAt(held);
    schedule.set(task, Math.max(dueAt, failures.retryAt(key) ?? 0, clock.now() + this.setbacks.leftMs(key)));
  }

  /** Retries what waited for this key as soon as there is a token of it. */
  #wakeWaiting(key: TokenKey): void {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    if (held === undefined || records.leftMs(held) <= 0) return;
    for (const waiting of this.setbacks.takeWaiting(key)) this.retrySoon(waiting);
  }

  /** Forgets a task that has gone. */
  forget(task: HeldTask): void {
    const { key } = task;
    this.#parts.records.cache.clearFailure(key);
    this.#recoveries.forget(key);
    this.setbacks.clear(key);
    this.#parts.schedule.delete(task);
  }

  /** Forgets what held attempts back: a new registration may have brought it. */
  retrySoon(key: TokenKey): void {
    this.setbacks.clear(key);
    // The failure may have been recorded after the change, and put the key off for the whole fleet.
    if (this.#parts.failures.isOutdated(key)) this.#parts.hurry(key);
    this.reschedule(key);
  }

  /** Starts in the background what a look at a held record shows to be needed. */
  #lookAfter(held: CachedRecord): void {
    const { records, recordReader, flights } = this.#parts;
    const { key } = held;
    if (records.needsConfirmation(held)) {
      held.confirmedAtMonotonic = this.#parts.clock.monotonic();
      recordReader.read(key).catch(() => {});
    }
    records.trust(held);
    if (!records.isDue(held) || this.#isScheduled(key)) return;
    if (this.isHeldBack(key) || flights.get(key) !== undefined) return;
    this.#parts.owe(key.appid);
    this.#fly(key, 'due', undefined);
  }

  /** Returns whether the schedule refreshes it in its turn: a caller that has a token has no need to be faster. */
  #isScheduled(key: TokenKey): boolean {
    const { refreshes, registry } = this.#parts;
    return refreshes && registry.task(key) !== undefined && registry.knows(key.appid);
  }

  /** Tries for a new record as long as that cannot hurt, then answers with whichever lives longest. */
  async #freshen(held: CachedRecord, wishMs: number, deadline: Deadline): Promise<CachedRecord> {
    const { records, flights } = this.#parts;
    const { key } = held;
    const leftMs = records.leftMs(held);
    const isEnding = leftMs <= records.minValidityMs(held);
    if (flights.get(key) === undefined && !(isEnding ? this.#mayReplaceEnding(held) : this.#mayWish(held))) return held;
    const fresh = await deadline.settles(this.#fly(key, 'demand', undefined).promise, leftMs / 2);
    if (fresh === undefined || fresh.expiresAt < held.expiresAt) return records.cache.get(key) ?? held;
    if (records.leftMs(fresh) <= wishMs) this.#wishes.slowDown(fresh);
    return fresh;
  }

  #mayReplaceEnding(held: CachedRecord): boolean {
    const { records, failures } = this.#parts;
    return records.isDue(held) && failures.active(held.key, true) === undefined && this.setbacks.leftMs(held.key) === 0;
  }

  #mayWish(held: CachedRecord): boolean {
    return this.#parts.failures.active(held.key, false) === undefined && this.#wishes.take(held);
  }

  /**
   * Refreshes a key for a caller that has no token. It waits for at most one attempt beyond the one that it joined, if that
   * is near.
   */
  async #demand(key: TokenKey, deadline: Deadline): Promise<CachedRecord> {
    const { failures, recordReader, records } = this.#parts;
    const failure = failures.active(key, true);
    if (failure?.local === true) {
      const stored = await deadline.race(recordReader.read(key));
      if (stored !== undefined && records.leftMs(stored) > 0) return stored;
    }
    if (failure !== undefined) {
      if (!this.#isNear(failure.retryAt, deadline)) throw failure.error();
      return this.#join(key, 'demand', undefined, deadline);
    }
    try {
      return await this.#join(key, 'demand', undefined, deadline);
    } catch (error) {
      // An unavailable store is no failed attempt, since none was made.
      const next = isTokenError(error) && error.code === 'STORE_UNAVAILABLE' ? undefined : failures.active(key, true);
      if (next === undefined || !this.#isNear(next.retryAt, deadline)) throw error;
      return this.#join(key, 'demand', undefined, deadline);
    }
  }

  /** Returns whether a caller waits for an attempt at this instant. */
  #isNear(retryAt: number, deadline: Deadline): boolean {
    const waitMs = retryAt - this.#parts.clock.now();
    return waitMs < MAX_WAIT_OF_CALLERS_MS && waitMs < deadline.leftMs();
  }

  async #join(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    deadline: Deadline,
    force?: Force,
  ): Promise<CachedRecord> {
    try {
      const flight = this.#fly(key, reason, stale);
      if (force !== undefined) flight.force = force;
      return await deadline.race(flight.promise);
    } catch (error) {
      throw error instanceof NeedMissing ? error.error : error;
    }
  }

  #fly(key: TokenKey, reason: RefreshReason, stale: string | undefined): Flight<CachedRecord> {
    return this.#parts.flights.join(key, reason, stale, async (flight) => {
      if (reason !== 'due') flight.onAsking = () => this.#parts.owe(key.appid);
      try {
        const landed = await this.#parts.run(flight);
        if (this.#parts.records.isDue(landed)) this.#setBack(key, undefined);
        else this.setbacks.clear(key);
        return landed;
      } catch (error) {
        if (isTokenError(error) && error.code === 'NOT_REGISTERED') await this.#lookUpRegistration(key);
        this.#noteFailure(flight, error);
        throw error;
      } finally {
        this.reschedule(key);
      }
    });
  }

  /** Reads the registration again: another process has unregistered the key, and no notification of it has come yet. */
  async #lookUpRegistration(key: TokenKey): Promise<void> {
    const { registry } = this.#parts;
    for (const id of [documentId('task', key), appDocumentId(key.appid)]) await registry.reload(id).catch(() => {});
  }

  /** Makes the background wait after an attempt that the key's own state does not remember. */
  #noteFailure({ key, reason }: Flight<CachedRecord>, error: unknown): void {
    const { failures, events, clock } = this.#parts;
    if (reason === 'stale' || reason === 'forced' || failures.retryAt(key) !== undefined) return;
    const { attempts, delayMs } = this.#setBack(key, error);
    if (!(error instanceof NeedMissing)) return;
    const retryAt = clock.now() + delayMs;
    events.emit('refreshFailed', { ...tokenEvent(key), error: error.error, attempt: attempts, retryAt });
  }

  #setBack(key: TokenKey, error: unknown): SetbackEnd {
    const { registry, records } = this.#parts;
    const held = records.cache.get(key);
    const leftMs = held === undefined ? 0 : records.leftMs(held);
    const task = registry.task(key);
    return this.setbacks.add(task?.key ?? key, task !== undefined, leftMs, error);
  }
}
