import { CachedRecord } from './cached-record.js';
import { type Events, type RefreshedEvent, tokenEvent } from './events.js';
import type { KeyDocument, StoredGrant } from './key-document.js';
import type { RecordCache } from './record-cache.js';
import {
  dueOf,
  FUTURE_TOLERANCE_MS,
  isFromTheFuture,
  lifeMs,
  minValidityMs,
  type RefreshTimes,
} from './refresh-policy.js';
import type { StoreClock } from './store-clock.js';
import type { TokenKey } from './token-key.js';
import { type ReadResult, TokenRecord } from './token-record.js';

/** The store is looked at again this long after it last confirmed a record. */
const CONFIRM_EVERY_MS = 60_000;
const LOOK_WHILE_DUE_MS = 1_000;

export interface Adoption {
  readonly source: RefreshedEvent['source'];
  readonly reason?: RefreshedEvent['reason'];
  /** Whether the store holds it. */
  readonly written?: boolean;
  /** Whether it is announced although nothing was known before; a changed value always is. */
  readonly announceFirst: boolean;
}

/** The records in force in this process: what may be answered, until when, and what has to be looked at again. */
export class Records {
  readonly cache: RecordCache;
  readonly #clock: StoreClock;
  readonly #events: Events;
  readonly #times: RefreshTimes;
  readonly #readResult: ReadResult;
  #lastHitAt: number = Number.NEGATIVE_INFINITY;

  constructor(cache: RecordCache, clock: StoreClock, events: Events, times: RefreshTimes, readResult: ReadResult) {
    this.cache = cache;
    this.#clock = clock;
    this.#events = events;
    this.#times = times;
    this.#readResult = readResult;
  }

  /**
   * The record of a key with a task and without a subject that may be answered without a further look: the hot path, of
   * two lookups and one look at the clock.
   */
  hit(appid: string, type: string): CachedRecord | undefined {
    const held = this.cache.hot(appid, type);
    if (held === undefined) return undefined;
    const now = this.#clock.now();
    if (now >= held.checkAt || now < this.#lastHitAt) return undefined;
    this.#lastHitAt = now;
    return held;
  }

  /** A clock that reads less than at the last hit has been set back: nothing may be answered before that is looked at. */
  lookAtClock(): void {
    if (this.#clock.now() < this.#lastHitAt) void this.#clock.check();
    this.#lastHitAt = this.#clock.now();
  }

  /**
   * Puts a grant in force, unless a newer one is. Announces a value that this process has not seen.
   */
  adopt(key: TokenKey, document: KeyDocument, grant: StoredGrant, adoption: Adoption): CachedRecord {
    const before = this.cache.get(key);
    const written = adoption.written ?? true;
    if (before !== undefined && this.#isNewer(before, document.recordVersion, grant)) return before;
    const cached = this.#cached(key, document, grant, written, before);
    this.cache.set(cached);
    this.#clock.watchLife(lifeMs(grant));
    const isNews = before === undefined ? adoption.announceFirst : before.value !== grant.value;
    if (isNews) this.#announce(cached, adoption);
    return cached;
  }

  /** The record of a document, without putting it in force. */
  recordOf(key: TokenKey, { grant, recordVersion }: KeyDocument): TokenRecord | undefined {
    if (grant === undefined) return undefined;
    return new TokenRecord(key, { ...grant, version: recordVersion }, this.#readResult);
  }

  /** What is left, by whichever clock leaves less: no change of the wall clock makes a token live longer. */
  leftMs(cached: CachedRecord): number {
    return Math.min(cached.expiresAt - this.#clock.now(), cached.endsAtMonotonic - this.#clock.monotonic());
  }

  /** No life is long enough where nobody knows how much of it is left. */
  minValidityMs(cached: CachedRecord): number {
    return cached.isFromTheFuture ? Number.POSITIVE_INFINITY : minValidityMs(cached, this.#times);
  }

  isUsableGrant(grant: StoredGrant): boolean {
    return grant.expiresAt - this.#clock.now() > minValidityMs(grant, this.#times);
  }

  isDue(cached: CachedRecord): boolean {
    return cached.dueAt <= this.#clock.now();
  }

  needsConfirmation(cached: CachedRecord): boolean {
    return this.#untilConfirmationMs(cached) <= 0;
  }

  confirm(cached: CachedRecord): void {
    cached.confirmedAtMonotonic = this.#clock.monotonic();
    this.trust(cached);
  }

  /** Sets until when the record is answered without a further look. */
  trust(cached: CachedRecord): void {
    const now = this.#clock.now();
    const usableMs = this.leftMs(cached) - this.minValidityMs(cached);
    const untilDueMs = cached.dueAt - now;
    const untilLookMs = untilDueMs > 0 ? untilDueMs : Math.min(LOOK_WHILE_DUE_MS, lifeMs(cached) / 20);
    cached.checkAt = now + Math.min(usableMs, untilLookMs, this.#untilConfirmationMs(cached));
  }

  /** The clock went back: whatever claims to come from the future is due, once. */
  distrust(): CachedRecord[] {
    this.cache.distrust();
    const now = this.#clock.now();
    const fromTheFuture = [...this.cache.records()].filter(
      (cached) => isFromTheFuture(cached, now) && cached.dueAt > now + FUTURE_TOLERANCE_MS,
    );
    for (const cached of fromTheFuture) cached.dueAt = now;
    return fromTheFuture;
  }

  #untilConfirmationMs({ confirmedAtMonotonic }: CachedRecord): number {
    if (confirmedAtMonotonic === undefined) return CONFIRM_EVERY_MS;
    return CONFIRM_EVERY_MS - (this.#clock.monotonic() - confirmedAtMonotonic);
  }

  #cached(
    key: TokenKey,
    document: KeyDocument,
    grant: StoredGrant,
    written: boolean,
    before: CachedRecord | undefined,
  ): CachedRecord {
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const byWall = monotonic + Math.min(grant.expiresAt - now, lifeMs(grant));
    // The same token does not live longer because the wall clock was set back before it was adopted again.
    const endsAtMonotonic = isSameGrant(before, grant) ? Math.min(before.endsAtMonotonic, byWall) : byWall;
    const cached = new CachedRecord({
      key: this.cache.keyOf(key),
      grant,
      version: document.recordVersion,
      rotation: document.rotation,
      endsAtMonotonic,
      confirmedAtMonotonic: written ? monotonic : undefined,
      dueAt: dueOf(grant, now),
      isFromTheFuture: isFromTheFuture(grant, now),
      readResult: this.#readResult,
    });
    this.trust(cached);
    return cached;
  }

  /**
   * Returns whether a held record is newer than a grant: by version where a store has taken it. The version of a record that
   * no store has taken is made up, so that one goes by its age. The monotonic clock has a say in that, because a wall clock
   * that was set back would make the record outlive everything that is fetched after it.
   */
  #isNewer(held: CachedRecord, version: number, grant: StoredGrant): boolean {
    if (held.confirmedAtMonotonic !== undefined) return held.version > version;
    if (this.leftMs(held) <= 0) return false;
    const now = this.#clock.now();
    const ageMs = this.#clock.monotonic() - (held.endsAtMonotonic - lifeMs(held));
    return (isFromTheFuture(held, now) ? now - ageMs : held.obtainedAt) > grant.obtainedAt;
  }

  #announce(cached: CachedRecord, { source, reason }: Adoption): void {
    this.#events.emit('refreshed', { ...tokenEvent(cached.key), record: cached.record, reason, source });
  }
}

/** Returns whether it is the same answer of WeChat, under whatever version and due. */
function isSameGrant(held: CachedRecord | undefined, grant: StoredGrant): held is CachedRecord {
  return held?.value === grant.value && held.obtainedAt === grant.obtainedAt && held.expiresAt === grant.expiresAt;
}
