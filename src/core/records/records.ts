import { CLOCK_JUMP_MS } from '../concurrency/time-limits.js';
import type { EnrolmentMarks } from '../model/enrolment.js';
import { type Events, type RefreshedEvent, tokenEvent } from '../model/events.js';
import {
  dueOf,
  FUTURE_TOLERANCE_MS,
  isFromTheFuture,
  lifeMs,
  minValidityMs,
  type RefreshTimes,
  repeats,
} from '../model/refresh-policy.js';
import type { Registrations } from '../model/registrations.js';
import type { Rotation } from '../model/rotation.js';
import type { TokenKey } from '../model/token-key.js';
import { type ReadResult, TokenRecord } from '../model/token-record.js';
import type { KeyDocument, StoredGrant } from '../store/key-document.js';
import { lateByMs, redated } from '../store/redated.js';
import type { StoreClock } from '../store/store-clock.js';
import { CachedRecord } from './cached-record.js';
import { DisplacedRecords } from './displaced-records.js';
import { type DatedToken, isSameGrant, MonotonicEnds } from './monotonic-ends.js';
import { newestRotation } from './newest-rotation.js';
import type { RecordCache } from './record-cache.js';
import type { RecordIndex } from './record-index.js';

/** The time after which a record has to be confirmed by the store again. */
const CONFIRM_EVERY_MS = 60_000;
const LOOK_WHILE_DUE_MS = 1_000;

export interface Adoption {
  readonly source: RefreshedEvent['source'];
  readonly reason?: RefreshedEvent['reason'];
  /** Whether the store has the record. */
  readonly written?: boolean;
  /** The version of the document that was to be replaced by a grant which the store did not accept. */
  readonly replaces?: number;
  /** A cached record that has been found to be no newer, whatever the versions say. */
  readonly inPlaceOf?: CachedRecord;
  /** The remaining lifetime that WeChat has just stated, if it repeated the token. */
  readonly statedMs?: number;
  /** Whether the record is announced although no record was known before. A changed value is always announced. */
  readonly announceFirst: boolean;
}

/** Reads WeChat's answer for a record; `endOf` tells when its grant expires on the present clock. */
export type ReadStoredResult = (
  key: TokenKey,
  version: number,
  endOf: (grant: StoredGrant) => number,
) => ReturnType<ReadResult>;

/** The apps that this process knows to be registered. */
export type Registered = Pick<Registrations, 'hasApp'>;

type ExtensionListener = (key: TokenKey, source: RefreshedEvent['source']) => void;

/** Keeps the current records of this process: which may be served, until when, and which have to be checked again. */
export class Records {
  readonly cache: RecordCache;
  readonly displaced: DisplacedRecords;
  readonly #index: RecordIndex;
  readonly #clock: StoreClock;
  readonly #events: Events;
  readonly #times: RefreshTimes;
  readonly #readResult: ReadResult;
  /** The versions that records which are not stored were to replace. */
  #replaced = new WeakMap<CachedRecord, number>();
  readonly #ends: MonotonicEnds;
  readonly #registered: Registered;
  #lastHitAt: number = Number.NEGATIVE_INFINITY;
  readonly #listeners: ((cached: CachedRecord) => void)[] = [];
  readonly #extensionListeners = new Set<ExtensionListener>();

  /**
   * @param registered - the known apps. Hits are served for these only, since a read of the store can bring the record
   *   of an app that has been unregistered meanwhile.
   */
  constructor(
    cache: RecordCache,
    clock: StoreClock,
    events: Events,
    times: RefreshTimes,
    readResult: ReadStoredResult,
    registered: Registered,
  ) {
    this.cache = cache;
    this.#index = cache.index;
    this.#clock = clock;
    this.#events = events;
    this.#times = times;
    this.#readResult = (key, version) => readResult(key, version, (grant) => this.presentEndOf(key, grant));
    this.#registered = registered;
    this.#ends = new MonotonicEnds(cache, clock);
    this.displaced = new DisplacedRecords(cache, clock, (cached) => this.leftMs(cached));
  }

  /** Calls the listener with every current record: the cached ones at once, and each later one when it becomes current. */
  listen(listener: (cached: CachedRecord) => void): void {
    this.#listeners.push(listener);
    for (const cached of this.cache.records()) listener(cached);
  }

  /**
   * Calls the listener when a current token lives longer than before: WeChat extends the token of a user that is still
   * valid. That is no new token, so it is not announced.
   *
   * @returns a function that ends the calls.
   */
  onExtension(listener: ExtensionListener): () => void {
    this.#extensionListeners.add(listener);
    return () => this.#extensionListeners.delete(listener);
  }

  /**
   * Returns the record that may be served without being checked. This is the hot path: it looks up the names and reads
   * the clock once.
   */
  hit(appid: string, type: string, subject?: string): CachedRecord | undefined {
    const held = subject === undefined ? this.#index.plain(appid, type) : this.cache.find(appid, type, subject);
    if (held === undefined) return undefined;
    const now = this.#clock.now();
    if (now >= held.checkAt || now < this.#lastHitAt) return undefined;
    this.#lastHitAt = now;
    return held;
  }

  /** Has the clock checked if it reads less than at the last hit, since nothing may be served before that. */
  checkForClockStep(): void {
    if (this.#clock.now() < this.#lastHitAt) void this.#clock.check();
    this.#lastHitAt = this.#clock.now();
  }

  /**
   * Makes a grant current, unless a newer one is, and announces a value that is new to this process. The rotation is
   * updated even if the record stays: in a store that was set back, another refresh token may be stored beside the
   * record, with a lower version.
   */
  adopt(key: TokenKey, document: KeyDocument, grant: StoredGrant, adoption: Adoption): CachedRecord {
    const before = this.cache.get(key);
    const written = adoption.written ?? true;
    const isJudged = before === undefined || before === adoption.inPlaceOf;
    if (!isJudged && (this.#isNewer(before, document.recordVersion, grant) || this.overtakes(before, document))) {
      this.#goOn(before, document);
      return before;
    }
    const cached = this.#cached(key, document, grant, written, adoption.statedMs);
    if (adoption.replaces !== undefined) this.#replaced.set(cached, adoption.replaces);
    this.cache.set(cached);
    for (const listener of this.#listeners) listener(cached);
    this.#clock.watchLife(lifeMs(grant));
    // By the clock of the process that stores a record, that is hardly ever due or in the future. If the clock of the
    // store was set, processes notice that at different times, and until then each would replace what the other stored.
    if (adoption.source === 'store' && (cached.isFromTheFuture || this.isDue(cached))) this.#clock.doubt();
    const isNews = before === undefined ? adoption.announceFirst : before.value !== grant.value;
    if (isNews) this.#announce(cached, adoption);
    else if (before !== undefined && !repeats(before, grant)) {
      for (const listener of this.#extensionListeners) listener(cached.key, adoption.source);
    }
    return cached;
  }

  /** Returns the public form of a record, for callers and listeners. */
  show(cached: CachedRecord): TokenRecord {
    const { value, obtainedAt, expiresAt, storedDueAt: dueAt, version } = cached;
    return new TokenRecord(cached.key, { value, obtainedAt, expiresAt, dueAt, version }, this.#readResult);
  }

  /** Returns the public record of a document without making it current. */
  recordOf(key: TokenKey, { grant, recordVersion }: KeyDocument): TokenRecord | undefined {
    if (grant === undefined) return undefined;
    return new TokenRecord(key, { ...grant, version: recordVersion }, this.#readResult);
  }

  /**
   * Returns the remaining lifetime by the clock that leaves less, so that no change of the wall clock extends the life
   * of a token.
   */
  leftMs(cached: CachedRecord): number {
    return Math.min(cached.expiresAt - this.#clock.now(), cached.endsAtMonotonic - this.#clock.monotonic());
  }

  /** Returns the remaining lifetime that a record needs to be served; infinity if its lifetime is unknown. */
  minValidityMs(cached: CachedRecord): number {
    return cached.isFromTheFuture ? Number.POSITIVE_INFINITY : minValidityMs(cached, this.#times);
  }

  /** Returns whether a stored grant can be served, by both clocks if this process holds it or has held it. */
  isUsableGrant(key: TokenKey, grant: StoredGrant): boolean {
    return this.leftOfGrantMs(key, grant) > minValidityMs(grant, this.#times);
  }

  /**
   * Returns the remaining lifetime of a stored grant, by both clocks if this process holds it or has held it recently.
   */
  leftOfGrantMs(key: TokenKey, grant: DatedToken): number {
    const byWallMs = grant.expiresAt - this.#clock.now();
    const end = this.#ends.get(key, grant);
    return end === undefined ? byWallMs : Math.min(byWallMs, end - this.#clock.monotonic());
  }

  /**
   * Returns when a token that leaves this process expires on the present clock: earlier than is stored if the clock was
   * set back since the token was obtained.
   */
  presentEndOf(key: TokenKey, grant: DatedToken): number {
    return grant.expiresAt - lateByMs(grant, this.#clock.now(), this.leftOfGrantMs(key, grant));
  }

  /**
   * Returns the grant of a record to be stored again, with instants on the present clock. WeChat's answer is not
   * included, since it is not kept in memory.
   */
  grantOf(cached: CachedRecord): StoredGrant {
    const { value, obtainedAt, expiresAt, storedDueAt: dueAt, scope } = cached;
    const grant = { value, obtainedAt, expiresAt, dueAt, ...(scope === undefined ? {} : { scope }) };
    return redated(grant, this.#clock.now(), this.leftMs(cached));
  }

  /**
   * Returns whether a grant was obtained after a stored one. A stored one that claims to come from the future counts as
   * older.
   */
  isObtainedAfter({ obtainedAt }: StoredGrant, stored: StoredGrant): boolean {
    return obtainedAt > stored.obtainedAt || isFromTheFuture(stored, this.#clock.now());
  }

  /**
   * Returns whether the refresh token of a cached record is newer than the stored one, whatever the versions say: after
   * a backup was restored, another process may have put back an older one with a higher version.
   */
  overtakes(held: CachedRecord, document: KeyDocument): boolean {
    return this.goingOn(held, document) !== document.rotation;
  }

  /** Returns the rotation that continues: the stored one, unless that of a cached record is newer. */
  goingOn(held: CachedRecord, { grant, rotation }: KeyDocument): Rotation | undefined {
    const { token } = held.rotation ?? {};
    if (token === undefined || rotation?.token === undefined || token === rotation.token) return rotation;
    const isHeldNewer = grant !== undefined && this.isObtainedAfter(this.grantOf(held), grant);
    const newest = newestRotation(rotation, held.rotation, isHeldNewer, this.#clock.now());
    return newest?.token === token ? newest : rotation;
  }

  /**
   * Keeps the newest refresh token with a record that is stored, since the store may be set back again before it is
   * next checked.
   */
  #goOn(held: CachedRecord, document: KeyDocument): void {
    const rotation = this.goingOn(held, document);
    const isHeld = rotation?.token === undefined || rotation.token === held.rotation?.token;
    if (!isHeld && (held.isStored || this.displaced.has(held))) held.rotation = rotation;
  }

  isDue(cached: CachedRecord): boolean {
    return this.#untilDueMs(cached) <= 0;
  }

  /** Returns when a record is due on the store's present clock, regardless of changes of that clock. */
  dueAt(cached: CachedRecord): number {
    return this.#clock.now() + this.#untilDueMs(cached);
  }

  /** Returns whether a stored grant is due, by both clocks if it is the one that is cached here. */
  isGrantDue(key: TokenKey, grant: StoredGrant): boolean {
    const held = this.cache.get(key);
    const isHeld = held !== undefined && isSameGrant(held, grant) && held.storedDueAt === grant.dueAt;
    if (isHeld && this.isDue(held)) return true;
    const now = this.#clock.now();
    return dueOf(grant, now) <= now;
  }

  needsConfirmation(cached: CachedRecord): boolean {
    return this.#untilConfirmationMs(cached) <= 0;
  }

  /**
   * Notes that the store has shown this record. The instant of its next check is unchanged, so that a record in use
   * still reaches that check, which counts as its use.
   */
  confirm(cached: CachedRecord): void {
    cached.confirmedAtMonotonic = this.#clock.monotonic();
  }

  /** Extends, for a caller that uses the record, the time in which it is served without being checked. */
  trust(cached: CachedRecord): void {
    this.cache.renew(cached);
    this.#planCheck(cached);
  }

  #planCheck(cached: CachedRecord): void {
    if (!this.#registered.hasApp(cached.key.appid)) {
      cached.checkAt = Number.NEGATIVE_INFINITY;
      return;
    }
    const now = this.#clock.now();
    const usableMs = this.leftMs(cached) - this.minValidityMs(cached);
    const untilDueMs = this.#untilDueMs(cached);
    const untilLookMs = untilDueMs > 0 ? untilDueMs : Math.min(LOOK_WHILE_DUE_MS, lifeMs(cached) / 20);
    cached.checkAt = now + Math.min(usableMs, untilLookMs, this.#untilConfirmationMs(cached));
  }

  /**
   * Keeps the cached records although the store has been replaced. From now on their age decides, since versions have
   * begun anew.
   *
   * @param marksOf - the marks with which the record of a key is put back; without it the marks that are registered
   *   then.
   */
  displace(marksOf?: (key: TokenKey) => EnrolmentMarks | undefined): void {
    this.#replaced = new WeakMap();
    this.cache.forgetVersionsOfFailures();
    this.displaced.addAll(marksOf);
  }

  /**
   * Requires every record to be checked again after the clock was set back.
   *
   * @returns the records whose stored due is too late: those that claim to come from the future, which are made due
   *   once, now, and those that would keep less than half of their margin at the stored due.
   */
  invalidateAll(): CachedRecord[] {
    this.cache.invalidateAll();
    const now = this.#clock.now();
    const late: CachedRecord[] = [];
    for (const cached of this.cache.records()) {
      if (isFromTheFuture(cached, now)) {
        if (cached.dueAt <= now + FUTURE_TOLERANCE_MS) continue;
        cached.dueAt = now;
        late.push(cached);
      } else if (cached.dueAt - now - this.#untilDueMs(cached) > marginMs(cached) / 2) late.push(cached);
    }
    return late;
  }

  /** Returns the time until a record is due, by the clock that leaves less. */
  #untilDueMs(cached: CachedRecord): number {
    return Math.min(cached.dueAt - this.#clock.now(), cached.dueAtMonotonic - this.#clock.monotonic());
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
    statedMs: number | undefined,
  ): CachedRecord {
    const now = this.#clock.now();
    const cached = new CachedRecord({
      key: this.cache.keyOf(key),
      grant,
      version: document.recordVersion,
      rotation: document.rotation,
      revokedAt: document.revokedAt,
      ...this.#ends.note(key, grant, statedMs),
      confirmedAtMonotonic: written ? this.#clock.monotonic() : undefined,
      dueAt: dueOf(grant, now),
      isFromTheFuture: isFromTheFuture(grant, now),
    });
    this.#planCheck(cached);
    return cached;
  }

  /**
   * Returns whether a cached record is newer than a grant. A record that a store has accepted is compared by version.
   * One that no store has accepted has a provisional version, so it is compared by age: by the monotonic clock, so that
   * no change of the wall clock lets it outlive a grant that was fetched later.
   */
  #isNewer(held: CachedRecord, version: number, grant: StoredGrant): boolean {
    if (held.isStored) return held.version > version;
    if (this.leftMs(held) <= 0) return false;
    if (version <= (this.#replaced.get(held) ?? 0)) return true;
    const obtainedAtMonotonic = held.endsAtMonotonic - lifeMs(held);
    const obtainedAt = this.#clock.now() - (this.#clock.monotonic() - obtainedAtMonotonic);
    const wasSetBack = held.obtainedAt > obtainedAt + CLOCK_JUMP_MS;
    return (wasSetBack ? obtainedAt : held.obtainedAt) > grant.obtainedAt;
  }

  #announce(cached: CachedRecord, { source, reason }: Adoption): void {
    this.#events.emit('refreshed', { ...tokenEvent(cached.key), record: this.show(cached), reason, source });
  }
}

/** Returns how long before its expiry a token was planned to be refreshed. */
function marginMs({ expiresAt, storedDueAt }: CachedRecord): number {
  return expiresAt - storedDueAt;
}
