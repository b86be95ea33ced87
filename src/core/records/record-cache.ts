import type { LRUCache } from 'lru-cache';
import type { TokenKey } from '../model/token-key.js';
import { keyId } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { RetryState } from '../store/key-document.js';
import type { CachedRecord } from './cached-record.js';
import { RecordIndex } from './record-index.js';

/** An object that exists for a key, such as its task, and keeps the key's record in memory for as long. */
export interface RecordHolder {
  readonly key: TokenKey;
  record: CachedRecord | undefined;
}

export interface RecordHolders {
  of(key: TokenKey): RecordHolder | undefined;
  find(appid: string, type: string, subject: string | undefined): RecordHolder | undefined;
  all(): Iterable<RecordHolder>;
  ofApp(appid: string): Iterable<RecordHolder>;
}

/** A failure that this process remembers. */
export interface RememberedFailure {
  readonly trying: RetryState;
  /** Whether the failure concerns this process alone, so that other processes may succeed. */
  readonly local: boolean;
  /**
   * The state that the attempt was based on, if only this process knows the failure because the store did not take it, or
   * has not taken it yet. Such a failure ends when the document has another refresh token or a newer record.
   */
  readonly unstoredOn?: { readonly refreshToken: string | undefined };
  /**
   * The version of the document that contains the failure, or on which an attempt that failed in this process alone was
   * based.
   */
  readonly version: number;
}

const MAX_FAILURES = 10_000;

/**
 * Holds the records in memory. Records of keys with a task stay until they are deleted. Among these, records with a
 * subject are held by their tasks alone, since there may be a million. All other records are bounded in number, and the
 * least recently used is evicted. In a fleet that shares more records than one process can hold, all records are
 * bounded.
 */
export class RecordCache {
  /**
   * All records except those that only a holder has. The index is readable for look-ups on the hot path; only this
   * class changes it.
   */
  readonly index: RecordIndex = new RecordIndex();
  /** The order in which the bounded records were last used. */
  readonly #recent: LRUCache<CachedRecord, CachedRecord>;
  readonly #failures = boundedCache<string, RememberedFailure>(MAX_FAILURES);
  readonly #isKept: (key: TokenKey) => boolean;
  #holders: RecordHolders | undefined;
  #isClosed = false;

  /**
   * @param holders - the holders of kept records with a subject; without them `maxCachedRecords` bounds the kept
   *   records as well.
   */
  constructor(maxCachedRecords: number, isKept: (key: TokenKey) => boolean, holders?: RecordHolders) {
    this.#recent = boundedCache<CachedRecord, CachedRecord>(maxCachedRecords, ({ key }, _cached, reason) => {
      if (reason === 'evict') this.index.delete(key);
    });
    this.#isKept = isKept;
    this.#holders = holders;
  }

  /**
   * Returns the record of the key with these names. This is the hot path: it allocates nothing and does not count as a
   * use.
   */
  find(appid: string, type: string, subject: string | undefined): CachedRecord | undefined {
    if (subject === undefined) return this.index.plain(appid, type);
    return this.#holders?.find(appid, type, subject)?.record ?? this.index.ofSubject(appid, type, subject);
  }

  get({ appid, type, subject }: TokenKey): CachedRecord | undefined {
    return this.find(appid, type, subject);
  }

  /** Returns the equal key object that is already held in memory, or else this one. */
  keyOf(key: TokenKey): TokenKey {
    return this.#holders?.of(key)?.key ?? key;
  }

  /** Stores a record in place of the cached one of its key, and marks it as used. */
  set(cached: CachedRecord): void {
    if (this.#isClosed) return;
    const { key } = cached;
    this.delete(key);
    if (this.#holders === undefined || !this.#isKept(key)) this.#recent.set(cached, cached);
    const holder = this.#holders?.of(key);
    if (holder !== undefined) holder.record = cached;
    if (holder === undefined || key.subject === undefined) this.index.set(cached);
  }

  /** Marks a record as used, so that unused records are evicted before it. */
  renew(cached: CachedRecord): void {
    this.#recent.get(cached);
  }

  delete(key: TokenKey): void {
    const cached = this.get(key);
    if (cached === undefined) return;
    this.#recent.delete(cached);
    const holder = this.#holders?.of(key);
    if (holder !== undefined) holder.record = undefined;
    this.index.delete(key);
  }

  /** Deletes the records of an app, except those that tasks hold, which are deleted with their tasks. */
  deleteApp(appid: string): void {
    for (const { key } of [...this.index.of(appid)]) this.delete(key);
  }

  failure(key: TokenKey): RememberedFailure | undefined {
    return this.#failures.get(keyId(key));
  }

  /** Returns the remembered failures with the ids of their keys, as `keyId` makes them. */
  failures(): Iterable<[id: string, failure: RememberedFailure]> {
    return this.#failures.entries();
  }

  setFailure(key: TokenKey, failure: RememberedFailure): void {
    this.#failures.set(keyId(key), failure);
  }

  /** Resets the versions of all failures, so that the next document that is read replaces them. */
  forgetVersionsOfFailures(): void {
    for (const [id, failure] of [...this.#failures.entries()]) this.#failures.set(id, { ...failure, version: 0 });
  }

  clearFailure(key: TokenKey): void {
    this.#failures.delete(keyId(key));
  }

  /** Requires every record to be checked before it is served again. */
  invalidateAll(): void {
    for (const cached of this.records()) cached.checkAt = Number.NEGATIVE_INFINITY;
  }

  *records(): Iterable<CachedRecord> {
    yield* this.#withHeld(this.#holders?.all(), this.index.values());
  }

  /** Yields the records of one app without visiting those of other apps. */
  *recordsOf(appid: string): Iterable<CachedRecord> {
    yield* this.#withHeld(this.#holders?.ofApp(appid), this.index.of(appid));
  }

  /** Yields the records of holders, and the indexed records that no holder has. */
  *#withHeld(holders: Iterable<RecordHolder> = [], indexed: Iterable<CachedRecord>): Iterable<CachedRecord> {
    for (const { record } of holders) if (record !== undefined) yield record;
    for (const cached of indexed) if (this.#holders?.of(cached.key) === undefined) yield cached;
  }

  /** Drops everything and stores nothing more, so that no hit is served any longer. */
  close(): void {
    this.#isClosed = true;
    this.#holders = undefined;
    this.index.clear();
    this.#recent.clear();
    this.#failures.clear();
  }
}
