import { CLOCK_JUMP_MS } from '../concurrency/time-limits.js';
import { belongsTo, type EnrolmentMarks } from '../model/enrolment.js';
import { type Events, type RefreshedEvent, tokenEvent } from '../model/events.js';
import {
  dueOf,
  FUTURE_TOLERANCE_MS,
  isFromTheFuture,
  lifeMs,
  minValidityMs,
  type RefreshTimes,
} from '../model/refresh-policy.js';
import type { Registrations } from '../model/registrations.js';
import type { Rotation } from '../model/rotation.js';
import type { TokenKey } from '../model/token-key.js';
import { type ReadResult, TokenRecord } from '../model/token-record.js';
import type { KeyDocument, StoredGrant } from '../store/key-document.js';
import { redated } from '../store/redated.js';
import type { StoreClock } from '../store/store-clock.js';
import { CachedRecord } from './cached-record.js';
import { KnownEnds } from './known-ends.js';
import { newestRotation } from './newest-rotation.js';
import type { RecordCache } from './record-cache.js';
import type { RecordIndex } from './record-index.js';

/** The store is looked at again this long after it last confirmed a record. */
const CONFIRM_EVERY_MS = 60_000;
const LOOK_WHILE_DUE_MS = 1_000;

export interface Adoption {
  readonly source: RefreshedEvent['source'];
  readonly reason?: RefreshedEvent['reason'];
  /** Whether the store holds it. */
  readonly written?: boolean;
  /** The version of the document that a grant which the store did not take was to replace. */
  readonly replaces?: number;
  /** A held record that has been found to be no newer, whatever the versions say. */
  readonly inPlaceOf?: CachedRecord;
  /** Whether it is announced although nothing was known before; a changed value always is. */
  readonly announceFirst: boolean;
}

/** The apps that this process knows to be registered. */
export type Registered = Pick<Registrations, 'hasApp'>;

/** Keeps the records in force in this process: what may be answered, until when, and what has to be looked at again. */
export class Records {
  readonly cache: RecordCache;
  readonly #index: RecordIndex;
  readonly #clock: StoreClock;
  readonly #events: Events;
  readonly #times: RefreshTimes;
  readonly #readResult: ReadResult;
  /** The version that each record which no store holds was to replace. */
  #replaced = new WeakMap<CachedRecord, number>();
  /** The records that were in a store which has been replaced, or has lost them, since. */
  readonly #displaced = new WeakMap<CachedRecord, EnrolmentMarks | undefined>();
  #generation = 0;
  #replacedAtMonotonic = Number.NEGATIVE_INFINITY;
  /** Also those of records that are held no longer. */
  readonly #ends = new KnownEnds();
  readonly #registered: Registered;
  #lastHitAt: number = Number.NEGATIVE_INFINITY;

  /**
   * @param registered - the apps that are known. Hits answer for no others: a read of the store can bring the record of an app
   *   that has been unregistered meanwhile.
   */
  constructor(
    cache: RecordCache,
    clock: StoreClock,
    events: Events,
    times: RefreshTimes,
    readResult: ReadResult,
    registered: Registered,
  ) {
    this.cache = cache;
    this.#index = cache.index;
    this.#clock = clock;
    this.#events = events;
    this.#times = times;
    this.#readResult = readResult;
    this.#registered = registered;
  }

  /**
   * Returns the record that may be answered without a further look: the hot path, which looks names up, reads the clock once
   * and does nothing else.
   */
  hit(appid: string, type: string, subject?: string): CachedRecord | undefined {
    const held = subject === undefined ? this.#index.plain(appid, type) : this.cache.find(appid, type, subject);
    if (held === undefined) return undefined;
    const now = this.#clock.now();
    if (now >= held.checkAt || now < this.#lastHitAt) return undefined;
    this.#lastHitAt = now;
    return held;
  }

  /** Has a clock checked that reads less than at the last hit: nothing may be answered before. */
  checkForClockStep(): void {
    if (this.#clock.now() < this.#lastHitAt) void this.#clock.check();
    this.#lastHitAt = this.#clock.now();
  }

  /**
   * Puts a grant in force, unless a newer one is. Announces a value that this process has not seen. The rotation goes on also
   * where the record stays: in a store that was set back, another refresh token may be stored beside it, under a lower version.
   */
  adopt(key: TokenKey, document: KeyDocument, grant: StoredGrant, adoption: Adoption): CachedRecord {
    const before = this.cache.get(key);
    const written = adoption.written ?? true;
    const isJudged = before === undefined || before === adoption.inPlaceOf;
    if (!isJudged && (this.#isNewer(before, document.recordVersion, grant) || this.overtakes(before, document))) {
      this.#goOn(before, document);
      return before;
    }
    const cached = this.#cached(key, document, grant, written);
    if (adoption.replaces !== undefined) this.#replaced.set(cached, adoption.replaces);
    this.cache.set(cached);
    this.#clock.watchLife(lifeMs(grant));
    const isNews = before === undefined ? adoption.announceFirst : before.value !== grant.value;
    if (isNews) this.#announce(cached, adoption);
    return cached;
  }

  /** Returns what callers and listeners get of a record. */
  show(cached: CachedRecord): TokenRecord {
    const { value, obtainedAt, expiresAt, storedDueAt: dueAt, version } = cached;
    return new TokenRecord(cached.key, { value, obtainedAt, expiresAt, dueAt, version }, this.#readResult);
  }

  /** Returns the record of a document, without putting it in force. */
  recordOf(key: TokenKey, { grant, recordVersion }: KeyDocument): TokenRecord | undefined {
    if (grant === undefined) return undefined;
    return new TokenRecord(key, { ...grant, version: recordVersion }, this.#readResult);
  }

  /** Returns what is left, by the clock that leaves less: no change of the wall clock makes a token live longer. */
  leftMs(cached: CachedRecord): number {
    return Math.min(cached.expiresAt - this.#clock.now(), cached.endsAtMonotonic - this.#clock.monotonic());
  }

  /** Returns how long a record has to live to be answered; endless where what is left of it is not known. */
  minValidityMs(cached: CachedRecord): number {
    return cached.isFromTheFuture ? Number.POSITIVE_INFINITY : minValidityMs(cached, this.#times);
  }

  /** Returns whether a stored grant can be answered with, by both clocks where this process holds or has held it. */
  isUsableGrant(key: TokenKey, grant: StoredGrant): boolean {
    return this.leftOfGrantMs(key, grant) > minValidityMs(grant, this.#times);
  }

  /** Returns what is left of a stored grant, by both clocks where this process holds it or has held it lately. */
  leftOfGrantMs(key: TokenKey, grant: StoredGrant): number {
    const byWallMs = grant.expiresAt - this.#clock.now();
    const end = this.#knownEnd(key, grant);
    return end === undefined ? byWallMs : Math.min(byWallMs, end - this.#clock.monotonic());
  }

  /** Returns the grant of a record to be stored again, by the clock as it is now. WeChat's answer is not held. */
  grantOf(cached: CachedRecord): StoredGrant {
    const { value, obtainedAt, expiresAt, storedDueAt: dueAt, scope } = cached;
    const grant = { value, obtainedAt, expiresAt, dueAt, ...(scope === undefined ? {} : { scope }) };
    return redated(grant, this.#clock.now(), this.leftMs(cached));
  }

  /** Returns whether a grant was got after a stored one, which was not if that claims to come from the future. */
  isObtainedAfter({ obtainedAt }: StoredGrant, stored: StoredGrant): boolean {
    return obtainedAt > stored.obtainedAt || isFromTheFuture(stored, this.#clock.now());
  }

  /**
   * Returns whether the refresh token of a held record is newer than the stored one, whatever the versions say: another process
   * may have put back an older one under a version that is higher, after a backup was restored.
   */
  overtakes(held: CachedRecord, document: KeyDocument): boolean {
    return this.goingOn(held, document) !== document.rotation;
  }

  /** Returns the rotation that goes on: the stored one, unless that of a held record is newer. */
  goingOn(held: CachedRecord, { grant, rotation }: KeyDocument): Rotation | undefined {
    const { token } = held.rotation ?? {};
    if (token === undefined || rotation?.token === undefined || token === rotation.token) return rotation;
    const isHeldNewer = grant !== undefined && this.isObtainedAfter(this.grantOf(held), grant);
    const newest = newestRotation(rotation, held.rotation, isHeldNewer, this.#clock.now());
    return newest?.token === token ? newest : rotation;
  }

  /** Holds the newest refresh token beside a record that the store has: it may be set back once more before its next look. */
  #goOn(held: CachedRecord, document: KeyDocument): void {
    const rotation = this.goingOn(held, document);
    const isHeld = rotation?.token === undefined || rotation.token === held.rotation?.token;
    if (!isHeld && (held.isStored || this.isDisplaced(held))) held.rotation = rotation;
  }

  isDue(cached: CachedRecord): boolean {
    return this.#untilDueMs(cached) <= 0;
  }

  /** Returns when a record is due on the store's clock as it is now, however that clock was set since. */
  dueAt(cached: CachedRecord): number {
    return this.#clock.now() + this.#untilDueMs(cached);
  }

  /** Returns whether a stored grant is due, by both clocks where it is the one that this process holds. */
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
   * Notes that the store shows this record. Until when it is answered without a further look stays as it is, so that a record
   * in use comes past that look, which is what counts as its use.
   */
  confirm(cached: CachedRecord): void {
    cached.confirmedAtMonotonic = this.#clock.monotonic();
  }

  /** Sets, for a caller who uses the record, until when it is answered without a further look. */
  trust(cached: CachedRecord): void {
    this.cache.renew(cached);
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

  /** Returns how often the store was replaced. */
  get generation(): number {
    return this.#generation;
  }

  /** Returns how long ago the store was found to be replaced; infinity where it was not. */
  get replacedMsAgo(): number {
    return this.#clock.monotonic() - this.#replacedAtMonotonic;
  }

  /** Returns whether a record comes from a store that has been replaced, or has lost it, and has not shown it since. */
  isDisplaced(cached: CachedRecord): boolean {
    return this.#displaced.has(cached);
  }

  /** Yields the records, or those of one app, that come from a store which has been replaced, and are still of use. */
  *displaced(appid?: string): Iterable<CachedRecord> {
    for (const cached of appid === undefined ? this.cache.records() : this.cache.recordsOf(appid)) {
      const isOfUse = this.leftMs(cached) > 0 || cached.rotation !== undefined;
      if (isOfUse && this.#displaced.has(cached)) yield cached;
    }
  }

  /**
   * Keeps what is held although the store has been replaced. It goes by its age from now on, as versions have begun anew.
   *
   * @param marksOf - the marks with which the record of a key is put back; without it those that are registered then.
   */
  displace(marksOf?: (key: TokenKey) => EnrolmentMarks | undefined): void {
    this.#generation += 1;
    this.#replacedAtMonotonic = this.#clock.monotonic();
    this.#replaced = new WeakMap();
    this.cache.forgetVersionsOfFailures();
    for (const cached of this.cache.records()) this.displaceOne(cached, marksOf?.(cached.key));
  }

  /** Keeps a record that the store has lost alone. */
  displaceOne(cached: CachedRecord, marks?: EnrolmentMarks): void {
    this.#displaced.set(cached, marks);
    cached.confirmedAtMonotonic = undefined;
  }

  /** Returns whether a record is to be put back for the registration that has these marks. */
  isPutBackWith(cached: CachedRecord, registered: EnrolmentMarks): boolean {
    const marks = this.#displaced.get(cached);
    return marks !== undefined && belongsTo(marks, registered);
  }

  /** Returns the marks that a record goes with, whatever is registered in the store that has taken the place of its own. */
  marksOfDisplaced(cached: CachedRecord): EnrolmentMarks | undefined {
    return this.#displaced.get(cached);
  }

  /**
   * Makes every record be looked at again after the clock was set back.
   *
   * @returns the records whose stored due comes too late: those that claim to come from the future, which are due now, once;
   *   and those that the stored instant would leave without half of their margin.
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

  /** Returns how long it is until a record is due, by whichever clock says less. */
  #untilDueMs(cached: CachedRecord): number {
    return Math.min(cached.dueAt - this.#clock.now(), cached.dueAtMonotonic - this.#clock.monotonic());
  }

  #untilConfirmationMs({ confirmedAtMonotonic }: CachedRecord): number {
    if (confirmedAtMonotonic === undefined) return CONFIRM_EVERY_MS;
    return CONFIRM_EVERY_MS - (this.#clock.monotonic() - confirmedAtMonotonic);
  }

  #cached(key: TokenKey, document: KeyDocument, grant: StoredGrant, written: boolean): CachedRecord {
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const dueAt = dueOf(grant, now);
    const endByWall = monotonic + Math.min(grant.expiresAt - now, lifeMs(grant));
    const endsAtMonotonic = this.#end(key, grant, endByWall);
    const cached = new CachedRecord({
      key: this.cache.keyOf(key),
      grant,
      version: document.recordVersion,
      rotation: document.rotation,
      endsAtMonotonic,
      dueAtMonotonic: this.#dueAtMonotonic(key, grant, monotonic + dueAt - now, endsAtMonotonic, endByWall),
      confirmedAtMonotonic: written ? monotonic : undefined,
      dueAt,
      isFromTheFuture: isFromTheFuture(grant, now),
    });
    this.trust(cached);
    return cached;
  }

  /**
   * Returns when a record is due by the monotonic clock: a wall clock that is set back must not leave less between the refresh
   * and the end of the token than was planned. An instant to which the due was moved since stands for itself.
   */
  #dueAtMonotonic(key: TokenKey, grant: StoredGrant, byWall: number, end: number, endByWall: number): number {
    const held = this.cache.get(key);
    if (held === undefined || !isSameGrant(held, grant)) return byWall - (endByWall - end);
    return Math.min(byWall, held.storedDueAt === grant.dueAt ? held.dueAtMonotonic : end);
  }

  /** Returns the earlier of the end that the wall clock leaves now, and the end that was found before; remembers it. */
  #end(key: TokenKey, grant: StoredGrant, byWall: number): number {
    const held = this.cache.get(key);
    const isHeld = held !== undefined && isSameGrant(held, grant);
    return this.#ends.note(key, grant, isHeld ? Math.min(byWall, held.endsAtMonotonic) : byWall);
  }

  /** Returns when a grant ends by the monotonic clock, where this process holds it or has held it lately. */
  #knownEnd(key: TokenKey, grant: StoredGrant): number | undefined {
    const held = this.cache.get(key);
    if (held !== undefined && isSameGrant(held, grant)) return held.endsAtMonotonic;
    return this.#ends.get(key, grant);
  }

  /**
   * Returns whether a held record is newer than a grant. A record that a store has taken goes by its version. The version of
   * one that no store has taken is made up, so it goes by its age: by the monotonic clock, so that no setting of the wall
   * clock makes it outlive what is fetched after it.
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

/** Returns whether it is the same answer of WeChat, under whatever version and due. */
function isSameGrant(held: CachedRecord, { value, obtainedAt, expiresAt }: StoredGrant): boolean {
  return held.value === value && held.obtainedAt === obtainedAt && held.expiresAt === expiresAt;
}

/** Returns how long before its end a token was planned to be refreshed. */
function marginMs({ expiresAt, storedDueAt }: CachedRecord): number {
  return expiresAt - storedDueAt;
}
