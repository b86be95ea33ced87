import { LRUCache } from 'lru-cache';
import { backoffDelayMs, MAX_WAIT_OF_CALLERS_MS } from './backoff.js';
import type { CachedRecord } from './cached-record.js';
import type { Closing } from './closing.js';
import type { Deadline } from './deadline.js';
import { isTokenError, TokenError } from './errors.js';
import { type Events, tokenEvent } from './events.js';
import type { Failures } from './failures.js';
import type { HeldTask } from './held-task.js';
import { NeedMissing } from './needs.js';
import type { Records } from './records.js';
import { lifeMs } from './refresh-policy.js';
import type { RefreshReason } from './refresher.js';
import type { Registry } from './registry.js';
import type { Claim } from './shared-schedule.js';
import type { Flight, SingleFlight } from './single-flight.js';
import type { StoreClock } from './store-clock.js';
import type { StoreFollower } from './store-follower.js';
import type { TaskSchedule } from './task-schedule.js';
import { appDocumentId, documentId, keyId, type TokenKey } from './token-key.js';

export interface TokenSourceParts {
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: Failures;
  readonly follower: StoreFollower;
  /** What a flight does: refresh, or wait for those who do. */
  readonly run: (flight: Flight<CachedRecord>) => Promise<CachedRecord>;
  readonly flights: SingleFlight<CachedRecord>;
  readonly schedule: TaskSchedule<HeldTask>;
  /** Makes room for a refresh that somebody waits for. */
  readonly owePace: (appid: string) => void;
  /** Makes a key due for the whole fleet that a failure has put off. */
  readonly hurry: (key: TokenKey) => void;
  /** How many milliseconds a refresh of this app that nobody waits for has to wait; at 0 it may begin. */
  readonly pauseOfApp: (appid: string) => number;
  readonly events: Events;
  readonly fetchesWithoutStore: boolean;
  /** Whether this process takes part in what is due. */
  readonly refreshes: boolean;
  readonly closing: Closing;
}

/** Attempts without a result that the key's own state remembers: they could not be made, or changed nothing. */
interface Setback {
  readonly attempts: number;
  /** By the monotonic clock. */
  readonly endsAt: number;
}

/** A wish for more validity than there is. */
interface Wish {
  /** By the monotonic clock. */
  readonly nextAt: number;
}

/** A wish for more validity starts at most one refresh of a key in this time. */
const WISH_EVERY_MS = 30_000;
const MAX_REMEMBERED = 10_000;
const MAX_ROUNDS = 3;

/** Gets records: from memory, from the store, or by a refresh that all callers share. */
export class TokenSource {
  readonly #parts: TokenSourceParts;
  readonly #wishes = new LRUCache<string, Wish>({ max: MAX_REMEMBERED });
  readonly #setbacks = new LRUCache<string, Setback>({ max: MAX_REMEMBERED });

  constructor(parts: TokenSourceParts) {
    this.#parts = parts;
  }

  /**
   * @throws a `TokenError` with code `NOT_REGISTERED` for an app that the store does not know either.
   */
  async assertRegistered(key: TokenKey, deadline: Deadline): Promise<void> {
    const { registry } = this.#parts;
    if (!registry.isAtHand(key)) await deadline.race(registry.look([key]));
    if (registry.app(key.appid) !== undefined) return;
    throw new TokenError('NOT_REGISTERED', `${key.appid} is not registered`, key);
  }

  /**
   * The record in force, with more than `wishMs` left if that can be had.
   *
   * @throws a `TokenError` when there is no unexpired one and none can be had in time.
   */
  async acquire(key: TokenKey, wishMs: number, deadline: Deadline): Promise<CachedRecord> {
    const { records } = this.#parts;
    // What is registered comes with it: the next line waits for the same read.
    let coldRead = this.#readCold(key);
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
      const held = records.cache.get(key) ?? (await deadline.race(coldRead ?? this.#readStored(key)));
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

  /** A record with another value than `stale`; the current one when another may not be fetched now. */
  async refreshStale(key: TokenKey, stale: string, deadline: Deadline): Promise<CachedRecord> {
    const { records, follower } = this.#parts;
    await this.assertRegistered(key, deadline);
    const differs = (record: CachedRecord | undefined): record is CachedRecord =>
      record !== undefined && record.value !== stale && records.leftMs(record) > records.minValidityMs(record);
    const held = records.cache.get(key);
    if (differs(held)) return held;
    const stored = await deadline.race(follower.read(key));
    if (differs(stored)) return stored;
    const underWay = this.#parts.flights.get(key);
    if (underWay !== undefined && underWay.stale !== stale) {
      const landed = await deadline.race(underWay.promise.catch(() => undefined));
      if (differs(landed)) return landed;
    }
    return this.#join(key, 'stale', stale, deadline);
  }

  async refreshForced(key: TokenKey, deadline: Deadline): Promise<CachedRecord> {
    const { flights, records, follower } = this.#parts;
    await this.assertRegistered(key, deadline);
    if (records.cache.get(key) === undefined) await deadline.race(follower.read(key));
    for (;;) {
      const underWay = flights.get(key);
      if (underWay === undefined || underWay.reason === 'forced') break;
      await deadline.race(underWay.promise.catch(() => undefined));
    }
    return this.#join(key, 'forced', undefined, deadline);
  }

  /** Refreshes a key that is due. Never rejects; whatever happens, the key is due again later. */
  async onDue(task: HeldTask): Promise<void> {
    const { records, registry, schedule, clock, pauseOfApp, closing } = this.#parts;
    const { key } = task;
    if (closing.hasBegun || registry.task(key) !== task || !registry.knows(key.appid)) return;
    const held = records.cache.get(key);
    if (held !== undefined && !records.isDue(held)) {
      this.reschedule(key);
      return;
    }
    const pauseMs = pauseOfApp(key.appid);
    if (pauseMs > 0) {
      schedule.set(task, clock.now() + pauseMs);
      return;
    }
    await this.#fly(key, 'due', undefined).promise.catch(() => {});
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

  /** Whether nobody but a caller may try now. */
  isHeldBack(key: TokenKey): boolean {
    return this.#parts.failures.active(key, false) !== undefined || this.#setBackMs(key) > 0;
  }

  /** Sets when a key with a task is due next, from what is known of it now. */
  reschedule(key: TokenKey): void {
    const { schedule, registry, records, failures, clock } = this.#parts;
    const task = registry.task(key);
    if (task === undefined) return;
    // Word of a task may come before that of its app, which reschedules it.
    if (!registry.knows(key.appid)) {
      schedule.delete(task);
      return;
    }
    const held = records.cache.get(key);
    const dueAt = held === undefined ? 0 : records.dueAt(held);
    schedule.set(task, Math.max(dueAt, failures.retryAt(key) ?? 0, clock.now() + this.#setBackMs(key)));
  }

  /** This task has gone. */
  forget(task: HeldTask): void {
    const { key } = task;
    this.#parts.records.cache.clearFailure(key);
    this.#setbacks.delete(keyId(key));
    this.#parts.schedule.delete(task);
  }

  /** Forgets what held attempts back: a new registration may have brought it. */
  retrySoon(key: TokenKey): void {
    this.#setbacks.delete(keyId(key));
    // The failure may have been recorded after the change, and put the key off for the whole fleet.
    if (this.#parts.failures.isOutdated(key)) this.#parts.hurry(key);
    this.reschedule(key);
  }

  /** What a look at a held record sets going in the background. */
  #lookAfter(held: CachedRecord): void {
    const { records, follower, flights } = this.#parts;
    const { key } = held;
    if (records.needsConfirmation(held)) {
      held.confirmedAtMonotonic = this.#parts.clock.monotonic();
      follower.read(key).catch(() => {});
    }
    records.trust(held);
    if (!records.isDue(held) || this.#isScheduled(key)) return;
    if (this.isHeldBack(key) || flights.get(key) !== undefined) return;
    this.#parts.owePace(key.appid);
    this.#fly(key, 'due', undefined);
  }

  /** The schedule refreshes it in its turn: whoever has a token has no need to be faster. */
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
    if (records.leftMs(fresh) <= wishMs) this.#wishMoreSeldom(fresh);
    return fresh;
  }

  #mayReplaceEnding(held: CachedRecord): boolean {
    const { records, failures } = this.#parts;
    return records.isDue(held) && failures.active(held.key, true) === undefined && this.#setBackMs(held.key) === 0;
  }

  #mayWish(held: CachedRecord): boolean {
    const { failures, clock } = this.#parts;
    const id = keyId(held.key);
    const now = clock.monotonic();
    if (now < (this.#wishes.get(id)?.nextAt ?? now)) return false;
    if (failures.active(held.key, false) !== undefined) return false;
    this.#wishes.set(id, { nextAt: now + WISH_EVERY_MS });
    return true;
  }

  /** A wish that no token grants must not use up the quota of the day. */
  #wishMoreSeldom(held: CachedRecord): void {
    const nextAt = this.#parts.clock.monotonic() + Math.max(WISH_EVERY_MS, lifeMs(held) / 20);
    this.#wishes.set(keyId(held.key), { nextAt });
  }

  /** Where neither record nor registration is held, they are read in one round trip. */
  #readCold(key: TokenKey): Promise<CachedRecord | undefined> | undefined {
    const { registry, records, follower } = this.#parts;
    if (registry.isAtHand(key) || records.cache.get(key) !== undefined) return undefined;
    const reading = this.#orWithoutStore(follower.readWithRegistration(key));
    // Whoever is not registered is told so without it.
    reading.catch(() => {});
    return reading;
  }

  #readStored(key: TokenKey): Promise<CachedRecord | undefined> {
    return this.#orWithoutStore(this.#parts.follower.read(key));
  }

  async #orWithoutStore(reading: Promise<CachedRecord | undefined>): Promise<CachedRecord | undefined> {
    const { fetchesWithoutStore } = this.#parts;
    try {
      return await reading;
    } catch (error) {
      // The refresh says whether it can do without the store.
      if (fetchesWithoutStore && isTokenError(error)) return undefined;
      throw error;
    }
  }

  /** A refresh for a caller who has nothing else. */
  async #demand(key: TokenKey, deadline: Deadline): Promise<CachedRecord> {
    const { failures, follower, records, clock } = this.#parts;
    const failure = failures.active(key, true);
    if (failure?.local === true) {
      const stored = await deadline.race(follower.read(key));
      if (stored !== undefined && records.leftMs(stored) > 0) return stored;
    }
    if (failure !== undefined) {
      const waitMs = failure.retryAt - clock.now();
      if (waitMs >= MAX_WAIT_OF_CALLERS_MS || waitMs >= deadline.leftMs()) throw failure.error;
    }
    return this.#join(key, 'demand', undefined, deadline);
  }

  async #join(
    key: TokenKey,
    reason: RefreshReason,
    stale: string | undefined,
    deadline: Deadline,
  ): Promise<CachedRecord> {
    try {
      return await deadline.race(this.#fly(key, reason, stale).promise);
    } catch (error) {
      throw error instanceof NeedMissing ? error.error : error;
    }
  }

  #fly(key: TokenKey, reason: RefreshReason, stale: string | undefined): Flight<CachedRecord> {
    if (reason !== 'due' && this.#parts.flights.get(key) === undefined) this.#parts.owePace(key.appid);
    return this.#parts.flights.join(key, reason, stale, async (flight) => {
      try {
        const landed = await this.#parts.run(flight);
        if (this.#parts.records.isDue(landed)) this.#setBack(key);
        else this.#setbacks.delete(keyId(key));
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

  /** Somebody else has unregistered the key, and word of it has not come yet. */
  async #lookUpRegistration(key: TokenKey): Promise<void> {
    const { registry } = this.#parts;
    await registry.reload(documentId('task', key)).catch(() => {});
    await registry.reload(appDocumentId(key.appid)).catch(() => {});
  }

  /** Makes the background wait after an attempt that the key's own state does not remember. */
  #noteFailure({ key, reason }: Flight<CachedRecord>, error: unknown): void {
    const { failures, events, clock } = this.#parts;
    if (reason === 'stale' || reason === 'forced' || failures.retryAt(key) !== undefined) return;
    const { attempts, delayMs } = this.#setBack(key);
    if (!(error instanceof NeedMissing)) return;
    const retryAt = clock.now() + delayMs;
    events.emit('refreshFailed', { ...tokenEvent(key), error: error.error, attempt: attempts, retryAt });
  }

  #setBack(key: TokenKey): { readonly attempts: number; readonly delayMs: number } {
    const { clock } = this.#parts;
    const attempts = (this.#setbacks.get(keyId(key))?.attempts ?? 0) + 1;
    const delayMs = backoffDelayMs({ attempts, lifeMs: undefined, leftMs: 0, random: clock.random() });
    this.#setbacks.set(keyId(key), { attempts, endsAt: clock.monotonic() + delayMs });
    return { attempts, delayMs };
  }

  #setBackMs(key: TokenKey): number {
    const setback = this.#setbacks.get(keyId(key));
    return setback === undefined ? 0 : Math.max(0, setback.endsAt - this.#parts.clock.monotonic());
  }
}
