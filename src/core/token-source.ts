import { LRUCache } from 'lru-cache';
import { NeedMissing } from './attempt.js';
import { backoffDelayMs, MAX_WAIT_OF_CALLERS_MS } from './backoff.js';
import type { Deadline } from './deadline.js';
import { isTokenError, TokenError } from './errors.js';
import type { Events } from './events.js';
import type { Failures } from './failures.js';
import type { CachedRecord } from './record-cache.js';
import type { Records } from './records.js';
import type { Refresh } from './refresh.js';
import type { RefreshReason } from './refresher.js';
import type { Registry } from './registry.js';
import type { Schedule } from './schedule.js';
import type { Flight, SingleFlight } from './single-flight.js';
import type { StoreClock } from './store-clock.js';
import type { StoreFollower } from './store-follower.js';
import { appDocumentId, documentId, keyId, type TokenKey } from './token-key.js';

export interface TokenSourceParts {
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: Failures;
  readonly follower: StoreFollower;
  readonly refresh: Refresh;
  readonly flights: SingleFlight<CachedRecord>;
  readonly schedule: Schedule;
  readonly events: Events;
  readonly isClosing: () => boolean;
}

/** Attempts that could not be made: something they need, or the store, was missing. */
interface Setback {
  readonly attempts: number;
  readonly retryAt: number;
}

/** A wish for more validity starts at most one refresh of a key in this time. */
const WISH_EVERY_MS = 30_000;
const MAX_WISHES = 10_000;
const MAX_ROUNDS = 3;

/** Gets records: from memory, from the store, or by a refresh that all callers share. */
export class TokenSource {
  readonly #parts: TokenSourceParts;
  readonly #wishedAt = new LRUCache<string, number>({ max: MAX_WISHES });
  readonly #setbacks = new Map<string, Setback>();

  constructor(parts: TokenSourceParts) {
    this.#parts = parts;
  }

  /**
   * @throws a `TokenError` with code `NOT_REGISTERED` for an app that the store does not know either.
   */
  async assertRegistered(key: TokenKey, deadline: Deadline): Promise<void> {
    const { registry } = this.#parts;
    if (registry.app(key.appid) !== undefined) return;
    await deadline.race(registry.reload(appDocumentId(key.appid)));
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
    await this.assertRegistered(key, deadline);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const held = records.cache.get(key) ?? (await deadline.race(this.#parts.follower.read(key)));
      if (held === undefined || records.leftMs(held) <= 0) {
        const fresh = await this.#demand(key, deadline);
        if (records.leftMs(fresh) > 0) return fresh;
        continue;
      }
      this.#lookAfter(held);
      if (records.leftMs(held) > Math.max(records.minValidityMs(held), wishMs)) return held;
      const kept = await this.#freshen(held, deadline);
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
  async onDue(key: TokenKey): Promise<void> {
    const { records, registry, isClosing } = this.#parts;
    if (isClosing() || registry.task(key) === undefined || !registry.knows(key.appid)) return;
    const held = records.cache.get(key);
    if (held !== undefined && !records.isDue(held)) {
      this.reschedule(key);
      return;
    }
    await this.#fly(key, 'due', undefined).promise.catch(() => {});
  }

  /** Sets when a key with a task is due next, from what is known of it now. */
  reschedule(key: TokenKey): void {
    const { schedule, registry, records, failures, clock } = this.#parts;
    // Word of a task may come before that of its app, which reschedules it.
    if (registry.task(key) === undefined || !registry.knows(key.appid)) {
      schedule.delete(keyId(key));
      return;
    }
    const dueAt = records.cache.get(key)?.dueAt ?? 0;
    schedule.set(
      keyId(key),
      Math.max(dueAt, failures.retryAt(key) ?? 0, this.#setbacks.get(keyId(key))?.retryAt ?? 0, clock.now()),
    );
  }

  /** A key has no task any more. */
  forget(key: TokenKey): void {
    this.#parts.records.cache.clearFailure(key);
    this.#setbacks.delete(keyId(key));
    this.#parts.schedule.delete(keyId(key));
  }

  /** Forgets what held attempts back: a new registration may have brought it. */
  retrySoon(key: TokenKey): void {
    this.#setbacks.delete(keyId(key));
    this.reschedule(key);
  }

  /** What a look at a held record sets going in the background. */
  #lookAfter(held: CachedRecord): void {
    const { records, failures, follower, flights } = this.#parts;
    const { key } = held;
    if (records.needsConfirmation(held)) {
      held.confirmedAtMonotonic = this.#parts.clock.monotonic();
      follower.read(key).catch(() => {});
    }
    records.trust(held);
    const mayTry = failures.active(key, false) === undefined && !this.#isSetBack(key);
    if (records.isDue(held) && mayTry && flights.get(key) === undefined) this.#fly(key, 'due', undefined);
  }

  /** Tries for a new record as long as that cannot hurt, then answers with whichever lives longest. */
  async #freshen(held: CachedRecord, deadline: Deadline): Promise<CachedRecord> {
    const { records, flights } = this.#parts;
    const { key } = held;
    const leftMs = records.leftMs(held);
    const isEnding = leftMs <= records.minValidityMs(held);
    if (flights.get(key) === undefined && !(isEnding ? this.#mayReplaceEnding(held) : this.#mayWish(key))) return held;
    const fresh = await deadline.settles(this.#fly(key, 'demand', undefined).promise, leftMs / 2);
    return fresh !== undefined && fresh.record.expiresAt >= held.record.expiresAt
      ? fresh
      : (records.cache.get(key) ?? held);
  }

  #mayReplaceEnding(held: CachedRecord): boolean {
    const { records, failures } = this.#parts;
    return records.isDue(held) && failures.active(held.key, true) === undefined && !this.#isSetBack(held.key);
  }

  #mayWish(key: TokenKey): boolean {
    const { failures, clock } = this.#parts;
    const wishedAt = this.#wishedAt.get(keyId(key));
    if (wishedAt !== undefined && clock.monotonic() - wishedAt < WISH_EVERY_MS) return false;
    if (failures.active(key, false) !== undefined) return false;
    this.#wishedAt.set(keyId(key), clock.monotonic());
    return true;
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
    return this.#parts.flights.join(key, reason, stale, async (flight) => {
      try {
        const landed = await this.#parts.refresh.run(flight);
        this.#setbacks.delete(keyId(key));
        return landed;
      } catch (error) {
        if (isTokenError(error) && error.code === 'NOT_REGISTERED') await this.#lookUpRegistration(key);
        this.#setBack(flight, error);
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

  /** Makes the background wait after an attempt that could not be made, which the key's own state does not remember. */
  #setBack({ key, reason }: Flight<CachedRecord>, error: unknown): void {
    const { clock, failures, events, registry } = this.#parts;
    if (reason === 'stale' || reason === 'forced' || failures.retryAt(key) !== undefined) return;
    if (registry.task(key) === undefined) return;
    const attempts = (this.#setbacks.get(keyId(key))?.attempts ?? 0) + 1;
    const delayMs = backoffDelayMs({ attempts, lifeMs: undefined, leftMs: 0, random: clock.random() });
    const retryAt = clock.now() + delayMs;
    this.#setbacks.set(keyId(key), { attempts, retryAt });
    if (!(error instanceof NeedMissing)) return;
    const { appid, type, subject } = key;
    events.emit('refreshFailed', { appid, type, subject, error: error.error, attempt: attempts, retryAt });
  }

  #isSetBack(key: TokenKey): boolean {
    const setback = this.#setbacks.get(keyId(key));
    return setback !== undefined && setback.retryAt > this.#parts.clock.now();
  }
}
