import { wait } from '../concurrency/clock.js';
import { Places, type Room } from '../concurrency/places.js';
import { exponentialDelayMs } from '../model/backoff.js';
import type { RefreshReason } from '../model/refresher.js';
import type { Lease } from '../model/store.js';
import { keyId, registrationIds, type TokenKey } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import { isMadeWith } from '../records/fingerprint.js';
import type { Records } from '../records/records.js';
import type { RetryStates } from '../records/retry-states.js';
import type { Claim, OpenedClaim } from '../refresh/claim.js';
import type { DueHandler } from '../refresh/scheduler.js';
import type { Registry } from '../registry/registry.js';
import { type KeyDocument, type RetryState, reportedGrant } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { FleetRateLimit } from './fleet-rate-limit.js';
import type { StoredDues } from './stored-dues.js';
import type { UnreadableClaims } from './unreadable-claims.js';

export interface ClaimedKeysParts {
  readonly store: SupervisedStore;
  readonly documents: KeyDocuments;
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly retryStates: RetryStates;
  readonly storedDues: StoredDues;
  readonly rateLimit: FleetRateLimit;
  readonly unreadable: UnreadableClaims;
}

interface Order {
  readonly reason: RefreshReason;
  readonly stale: string | undefined;
}

/**
 * The outcome of a claim. `settled`: the new record or the failure determines when the key is due next. `tried`: it
 * does not. `left`: this process did nothing. `crowded`: the app has no permit now. `slow`: the key took long the last
 * time, and enough such keys are in progress.
 */
type Outcome = 'settled' | 'tried' | 'left' | 'crowded' | 'slow';

interface Done {
  readonly outcome: Outcome;
  /** The lease; `undefined` if it has been used. */
  readonly unused: Lease | undefined;
  /** Whether WeChat may have been asked. */
  readonly hasAsked: boolean;
}

/** The number of polls for which a key is left to other processes if this one can do nothing for it now. */
const LEAVE_TO_OTHERS_LOOKS = { least: 2, spread: 8 };
/**
 * The number of short pauses, after which a key is deferred for longer and longer, because perhaps no process can
 * refresh it.
 */
const SHORT_PAUSES = 3;
const MAX_PAUSE_MS = 60_000;
const MAX_REMEMBERED = 50_000;
/**
 * The maximum number of keys in progress at once that took long the last time. Keys without a token may use three
 * quarters of it.
 */
const MAX_UNDER_WAY = 48;
/**
 * The time for which a slow key without a place is deferred, so that thousands of them are not claimed again and again.
 */
const LEAVE_SLOW_MS = { least: 20_000, spread: 40_000 };

/** Refreshes the keys that the fleet's schedule has assigned to this process, each with its lease. */
export class ClaimedKeys {
  readonly #parts: ClaimedKeysParts;
  /** The number of consecutive claims with which this process could do nothing, by the id of the key. */
  readonly #passes = boundedCache<string, number>(MAX_REMEMBERED);
  readonly #places: Places<string>;

  constructor(parts: ClaimedKeysParts) {
    this.#parts = parts;
    const slow = boundedCache<string, true>(MAX_REMEMBERED);
    this.#places = new Places(() => parts.clock.monotonic(), {
      max: MAX_UNDER_WAY,
      slow: { has: (id) => slow.has(id), add: (id) => slow.set(id, true), delete: (id) => slow.delete(id) },
    });
  }

  /**
   * Refreshes a key. It never rejects; afterwards the key is due later, and the lease is released. If the store
   * fails, the lease is kept until it expires, so that no process claims the key again at once.
   */
  async handle(key: TokenKey, claim: Claim, handler: DueHandler, signal: AbortSignal): Promise<void> {
    let unused: Lease | undefined = claim.lease;
    try {
      const done = await this.#work(key, claim, handler, signal);
      // A refresh that has used the lease releases it, or keeps it for a withheld grant.
      unused = done.unused;
      await this.#finish(key, done, signal);
    } catch {
      const { store, unreadable } = this.#parts;
      // The lease is released because another process may be able to write to the store.
      if (unused !== undefined && (signal.aborted || this.#isUnwritten(key))) await store.release(unused);
      else if (unused !== undefined) unreadable.leave(unused);
      // The error is already reported: store failures by the store, an unreadable document to the caller that reads the
      // key.
    }
  }

  /** Refreshes the key if it is due and this process can. */
  async #work(key: TokenKey, claim: Claim, handler: DueHandler, signal: AbortSignal): Promise<Done> {
    const { documents, registry, retryStates, storedDues } = this.#parts;
    const { lease } = claim;
    if (!this.#isHeld(key)) {
      if (await storedDues.remove(key, lease)) return { outcome: 'settled', unused: lease, hasAsked: false };
      // The notification of the key's registration has not arrived yet.
      await Promise.all(registrationIds(key).map((id) => registry.reload(id)));
    }
    const document = await documents.decode(key, lease.document);
    retryStates.update(key, document);
    const order = this.#isHeld(key) && !this.#isUnwritten(key) ? this.#orderOf(key, document) : undefined;
    if (order === undefined) return { outcome: 'left', unused: lease, hasAsked: false };
    return this.#carryOut(order, key, { ...claim, document }, handler, signal);
  }

  /** Defers a key whose due nothing else has set, and releases the lease if it has not been used. */
  async #finish(key: TokenKey, { outcome, unused, hasAsked }: Done, signal: AbortSignal): Promise<void> {
    const { store, storedDues, retryStates, clock, rateLimit } = this.#parts;
    if (outcome === 'settled') this.#passes.delete(keyId(key));
    else if (!signal.aborted) {
      const at = clock.now() + Math.min(this.#pauseMs(key, outcome), this.#untilTriedHereMs(key));
      // One write defers the key and releases the lease, so that the key is not claimed in between.
      const isOutdated = (trying: RetryState): boolean => !isMadeWith(trying, retryStates.fingerprint(key));
      if (await storedDues.postpone(key, at, outcome === 'tried', unused, isOutdated)) {
        // A key that could not be deferred stays due at once. Its permit is not refunded then, since only that limits
        // how often it is claimed.
        if (!hasAsked) rateLimit.refund();
        return;
      }
    }
    if (unused !== undefined) await store.release(unused);
  }

  async #carryOut(
    { reason, stale }: Order,
    key: TokenKey,
    claim: OpenedClaim,
    handler: DueHandler,
    signal: AbortSignal,
  ): Promise<Done> {
    const { records, rateLimit, clock } = this.#parts;
    const { document } = claim;
    const { recordVersion } = document;
    const waitMs = claim.beginsAtMonotonic - clock.monotonic();
    if (waitMs > 0) await wait(clock, Math.ceil(waitMs), { signal });
    const room = this.#roomOf(key, document);
    const left = this.#whyLeft(key, room, handler);
    if (left !== undefined || !(await rateLimit.reserveForApp(key.appid, signal))) {
      return { outcome: left ?? 'crowded', unused: claim.lease, hasAsked: false };
    }
    const place = this.#places.begin(keyId(key), room);
    const flight = handler.refreshClaimed(key, reason, stale, claim);
    place.hasSucceeded = await flight.broughtRecord();
    this.#places.end(place);
    const { hasAsked } = flight;
    if (!hasAsked) rateLimit.refundApp(key.appid);
    const isSettled = (records.cache.get(key)?.version ?? 0) > recordVersion;
    const outcome = isSettled ? 'settled' : place.hasSucceeded ? 'tried' : 'left';
    return { outcome, unused: flight.detachClaim()?.lease, hasAsked };
  }

  #roomOf(key: TokenKey, { grant }: KeyDocument): Room {
    const room = this.#places.roomOf(keyId(key));
    const hasToken = grant !== undefined && this.#parts.records.leftOfGrantMs(key, grant) > 0;
    return room === 'steady' && !hasToken ? 'fresh' : room;
  }

  /** Returns why a key is not to be refreshed now; `undefined` if it is. */
  #whyLeft(key: TokenKey, room: Room, handler: DueHandler): Outcome | undefined {
    if (handler.isHeldBack(key)) return 'left';
    this.#places.settle();
    // A key that was fast the last time needs no further place: the claim loop had one when it was claimed.
    if (room === 'steady' || this.#places.hasPlace(room)) return undefined;
    return room === 'slow' ? 'slow' : 'crowded';
  }

  /** Returns the refresh to be made; `undefined` if the key is not due after all. */
  #orderOf(key: TokenKey, document: KeyDocument): Order | undefined {
    const reported = reportedGrant(document);
    if (reported !== undefined) return { reason: 'stale', stale: reported.value };
    if (document.grant !== undefined && !this.#parts.records.isGrantDue(key, document.grant)) return undefined;
    return { reason: 'due', stale: undefined };
  }

  /**
   * Returns whether the record is a pending grant. Its write is retried independently, and nothing else is requested
   * meanwhile.
   */
  #isUnwritten(key: TokenKey): boolean {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    return held !== undefined && !held.isStored && !records.isDue(held);
  }

  #isHeld(key: TokenKey): boolean {
    const { registry } = this.#parts;
    return registry.task(key) !== undefined && registry.hasApp(key.appid);
  }

  /**
   * Returns the time until a key is retried here that failed on this host alone and is left to other processes first.
   */
  #untilTriedHereMs(key: TokenKey): number {
    const { retryStates, clock } = this.#parts;
    const retryAt = retryStates.retryAt(key);
    if (retryAt === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(retryAt - clock.now(), clock.pollIntervalMs * LEAVE_TO_OTHERS_LOOKS.least);
  }

  #pauseMs(key: TokenKey, outcome: Outcome): number {
    const { clock } = this.#parts;
    if (outcome === 'slow') return LEAVE_SLOW_MS.least + clock.random() * LEAVE_SLOW_MS.spread;
    const passes = outcome === 'crowded' ? 0 : (this.#passes.get(keyId(key)) ?? 0);
    if (outcome !== 'crowded') this.#passes.set(keyId(key), passes + 1);
    const looks = LEAVE_TO_OTHERS_LOOKS.least + clock.random() * LEAVE_TO_OTHERS_LOOKS.spread;
    return exponentialDelayMs(Math.max(1, passes - SHORT_PAUSES + 1), clock.pollIntervalMs * looks, MAX_PAUSE_MS);
  }
}
