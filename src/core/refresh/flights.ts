import type { Place } from '../concurrency/places.js';
import type { Closing } from '../model/closing.js';
import { isTokenError } from '../model/errors.js';
import { type Events, tokenEvent } from '../model/events.js';
import { InputMissing } from '../model/input-missing.js';
import type { RefreshReason } from '../model/refresher.js';
import { appDocumentId, documentId, type TokenKey } from '../model/token-key.js';
import type { CoolDownEnd } from '../records/background-cool-downs.js';
import type { CachedRecord } from '../records/cached-record.js';
import { Recoveries } from '../records/recoveries.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';
import type { TaskEntry } from '../registry/task-entry.js';
import type { StoreClock } from '../store/store-clock.js';
import type { OpenedClaim } from './claim.js';
import type { DueHandler, Scheduler } from './scheduler.js';
import { type Flight, SingleFlight } from './single-flight.js';
import type { State } from './state.js';

/** The work of a flight: a refresh, or waiting for the processes that refresh. */
export interface FlightWork {
  run(flight: Flight<CachedRecord>): Promise<CachedRecord>;
}

export interface FlightsParts extends State {
  readonly clock: StoreClock;
  readonly scheduler: Scheduler;
  readonly pushed: PushedTokens;
  readonly events: Events;
  readonly closing: Closing;
}

/** Runs the refreshes of this process, one of a key at a time, and tells the scheduler when each key is due next. */
export class Flights implements DueHandler {
  readonly #parts: FlightsParts;
  readonly #flights = new SingleFlight<CachedRecord>();
  readonly #recoveries: Recoveries;
  #work: FlightWork | undefined;

  constructor(parts: FlightsParts) {
    this.#parts = parts;
    this.#recoveries = new Recoveries(parts, parts.coolDowns);
  }

  /**
   * Sets the work of flights. It is created later than the flights, since it gets dependencies by flights of their own.
   */
  start(work: FlightWork): void {
    this.#work = work;
  }

  /** Returns the flight of a key that is in progress. */
  get(key: TokenKey): Flight<CachedRecord> | undefined {
    return this.#flights.get(key);
  }

  /** Returns the flight of a key that is in progress, or a new one. */
  fly(key: TokenKey, reason: RefreshReason, stale: string | undefined): Flight<CachedRecord> {
    return this.#flights.join(key, reason, stale, (flight) => this.#run(flight));
  }

  async onDue(task: TaskEntry, place: Place<TaskEntry>): Promise<void> {
    const { records, registry, scheduler, clock, closing } = this.#parts;
    const { key } = task;
    place.hasAsked = place.hasSucceeded = false;
    if (closing.hasBegun || registry.task(key) !== task || !registry.hasApp(key.appid)) return;
    const held = records.cache.get(key);
    if (held !== undefined && !records.isDue(held)) return this.reschedule(key);
    const pauseMs = scheduler.reserveForApp(key.appid);
    if (pauseMs > 0) {
      scheduler.set(task, clock.now() + pauseMs);
      return;
    }
    const flight = this.fly(key, 'due', undefined);
    place.hasSucceeded = await flight.broughtRecord();
    place.hasAsked = flight.hasAsked;
    if (!flight.hasAsked) scheduler.refundApp(key.appid);
  }

  refreshClaimed(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    claim: OpenedClaim,
  ): Flight<CachedRecord> {
    const flight = this.fly(key, reason, stale);
    flight.attachClaim(claim);
    return flight;
  }

  isHeldBack(key: TokenKey): boolean {
    const { retryStates, coolDowns } = this.#parts;
    return retryStates.active(key, false) !== undefined || coolDowns.leftMs(key) > 0;
  }

  reschedule(key: TokenKey): void {
    const { scheduler, registry, records, retryStates, coolDowns, clock } = this.#parts;
    this.#retryWaiting(key);
    this.#recoveries.look(key);
    const task = registry.task(key);
    if (task === undefined) return;
    // The notification of a task may arrive before that of its app, which reschedules the task.
    if (!registry.hasApp(key.appid)) {
      scheduler.delete(task);
      return;
    }
    const held = records.cache.get(key);
    const dueAt = held === undefined ? 0 : records.dueAt(held);
    scheduler.set(task, Math.max(dueAt, retryStates.retryAt(key) ?? 0, clock.now() + coolDowns.leftMs(key)));
  }

  /** Clears a background cool-down and retries, since a new registration may have brought the missing input. */
  retrySoon(key: TokenKey): void {
    const { retryStates, coolDowns, scheduler } = this.#parts;
    coolDowns.clear(key);
    // The failure may have been recorded after the change of the registration, and have deferred the key for the whole
    // fleet.
    if (retryStates.isOutdated(key)) scheduler.makeDueNow(key);
    this.reschedule(key);
  }

  /**
   * Wakes the flight that waits for a token of this key, and, if WeChat pushes the token, retries the tasks that need
   * it.
   */
  wakeWaiting(key: TokenKey): void {
    const { pushed } = this.#parts;
    this.#flights.get(key)?.wake();
    if (pushed.isHeld(key)) for (const waiting of pushed.dependentsOf(key)) this.retrySoon(waiting);
  }

  /** Wakes every paused flight, so that it checks again. */
  wakeAll(): void {
    this.#flights.wakeAll();
  }

  /** Drops the state of a task that was unregistered. */
  forget(task: TaskEntry): void {
    const { records, coolDowns, scheduler } = this.#parts;
    const { key } = task;
    records.cache.clearFailure(key);
    this.#recoveries.forget(key);
    coolDowns.clear(key);
    scheduler.delete(task);
  }

  /** Resolves when all flights that are in progress now have settled. */
  settled(): Promise<void> {
    return this.#flights.settled();
  }

  async #run(flight: Flight<CachedRecord>): Promise<CachedRecord> {
    const { records, coolDowns, scheduler } = this.#parts;
    const { key } = flight;
    if (flight.reason !== 'due') flight.onAsking = () => scheduler.charge(key.appid);
    try {
      const record = await (this.#work as FlightWork).run(flight);
      if (records.isDue(record)) this.#addCoolDown(key, undefined);
      else coolDowns.clear(key);
      return record;
    } catch (error) {
      if (isTokenError(error) && error.code === 'NOT_REGISTERED') await this.#lookUpRegistration(key);
      this.#noteFailure(flight, error);
      throw error;
    } finally {
      this.reschedule(key);
    }
  }

  /** Retries the keys that waited for this one as soon as it has a token. */
  #retryWaiting(key: TokenKey): void {
    const { records, coolDowns } = this.#parts;
    const held = records.cache.get(key);
    if (held === undefined || records.leftMs(held) <= 0) return;
    for (const waiting of coolDowns.takeWaiting(key)) this.retrySoon(waiting);
  }

  /**
   * Reads the registration again, since another process has unregistered the key and the notification has not arrived
   * yet.
   */
  async #lookUpRegistration(key: TokenKey): Promise<void> {
    const { registry } = this.#parts;
    // The task is read first, while the mark of its app is still cached: with that mark it is decided whether the store
    // has lost the task.
    for (const id of [documentId('task', key), appDocumentId(key.appid)]) await registry.reload(id).catch(() => {});
  }

  /** Starts a background cool-down after an attempt that left no retry state, unless one for the same lack goes on. */
  #noteFailure({ key, reason }: Flight<CachedRecord>, error: unknown): void {
    const { retryStates, coolDowns, events, clock } = this.#parts;
    if (reason === 'stale' || reason === 'forced' || retryStates.retryAt(key) !== undefined) return;
    // Callers meet the known failure of a dependency again and again, which must not be reported for each of them.
    if (coolDowns.coversLack(key, error)) return;
    const { attempts, delayMs } = this.#addCoolDown(key, error);
    if (!(error instanceof InputMissing)) return;
    const retryAt = clock.now() + delayMs;
    events.emit('refreshFailed', { ...tokenEvent(key), error: error.error, attempt: attempts, retryAt });
  }

  #addCoolDown(key: TokenKey, error: unknown): CoolDownEnd {
    const { registry, records, coolDowns } = this.#parts;
    const held = records.cache.get(key);
    const leftMs = held === undefined ? 0 : records.leftMs(held);
    const task = registry.task(key);
    return coolDowns.add(task?.key ?? key, task !== undefined, leftMs, error);
  }
}
