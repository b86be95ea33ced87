import type { LRUCache } from 'lru-cache';
import type { TokenKey } from '../model/token-key.js';
import { keyId } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { RetryState } from '../store/key-document.js';
import type { CachedRecord } from './cached-record.js';
import { RecordIndex } from './record-index.js';

/** Something that is held of a key and keeps the record of that as long as it lives. */
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
  /** It binds this process alone: other processes may succeed. */
  readonly local: boolean;
  /** The version of the document that shows it, or of the one that a failure of this process alone was made with. */
  readonly version: number;
}

const MAX_FAILURES = 10_000;

/**
 * Holds the records in memory. Those that are to be kept, as those of keys with a task, stay until they are deleted, and those with
 * a subject are held by their tasks alone, since there may be a million. The number of all others is bounded: the one that
 * was not used for longest makes room. Where a fleet shares more than one process can hold, the bound is on all records.
 */
export class RecordCache {
  /** All records but those that a holder alone has. It is open for lookups on the hot path; only this class changes it. */
  readonly index: RecordIndex = new RecordIndex();
  /** The order in which the bounded records were last used. */
  readonly #recent: LRUCache<CachedRecord, CachedRecord>;
  readonly #failures = boundedCache<string, RememberedFailure>(MAX_FAILURES);
  readonly #isKept: (key: TokenKey) => boolean;
  #holders: RecordHolders | undefined;
  #isClosed = false;

  /**
   * @param holders - the holders of the records of keys with a subject that are kept; without them `maxCachedRecords` is the
   *   bound of kept records too.
   */
  constructor(maxCachedRecords: number, isKept: (key: TokenKey) => boolean, holders?: RecordHolders) {
    this.#recent = boundedCache<CachedRecord, CachedRecord>(maxCachedRecords, ({ key }, _cached, reason) => {
      if (reason === 'evict') this.index.delete(key);
    });
    this.#isKept = isKept;
    this.#holders = holders;
  }

  /** Returns the record of the key with these names: the hot path, which allocates nothing and is no use that counts. */
  find(appid: string, type: string, subject: string | undefined): CachedRecord | undefined {
    if (subject === undefined) return this.index.plain(appid, type);
    return this.#holders?.find(appid, type, subject)?.record ?? this.index.ofSubject(appid, type, subject);
  }

  get({ appid, type, subject }: TokenKey): CachedRecord | undefined {
    return this.find(appid, type, subject);
  }

  /** Returns the key under which something is held of it already, or else this one. */
  keyOf(key: TokenKey): TokenKey {
    return this.#holders?.of(key)?.key ?? key;
  }

  /** Holds a record in place of the one that is held of its key. It counts as used now. */
  set(cached: CachedRecord): void {
    if (this.#isClosed) return;
    const { key } = cached;
    this.delete(key);
    if (this.#holders === undefined || !this.#isKept(key)) this.#recent.set(cached, cached);
    const holder = this.#holders?.of(key);
    if (holder !== undefined) holder.record = cached;
    if (holder === undefined || key.subject === undefined) this.index.set(cached);
  }

  /** Notes that a record is in use, so that those which are not make room before it. */
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

  /** Deletes the records of an app, except those that tasks hold, which go with their tasks. */
  deleteApp(appid: string): void {
    for (const { key } of [...this.index.of(appid)]) this.delete(key);
  }

  failure(key: TokenKey): RememberedFailure | undefined {
    return this.#failures.get(keyId(key));
  }

  /** Returns the ids of the keys with a failure, as `keyId` makes them, with that failure. */
  failures(): Iterable<[id: string, failure: RememberedFailure]> {
    return this.#failures.entries();
  }

  setFailure(key: TokenKey, failure: RememberedFailure): void {
    this.#failures.set(keyId(key), failure);
  }

  /** Keeps all failures as ones that whatever document is read next replaces. */
  forgetVersionsOfFailures(): void {
    for (const [id, failure] of [...this.#failures.entries()]) this.#failures.set(id, { ...failure, version: 0 });
  }

  clearFailure(key: TokenKey): void {
    this.#failures.delete(keyId(key));
  }

  /** Makes every record be looked at before it is answered again. */
  invalidateAll(): void {
    for (const cached of this.records()) cached.checkAt = Number.NEGATIVE_INFINITY;
  }

  *records(): Iterable<CachedRecord> {
    yield* this.#withHeld(this.#holders?.all(), this.index.values());
  }

  /** Yields the records of one app, at no cost for those of the others. */
  *recordsOf(appid: string): Iterable<CachedRecord> {
    yield* this.#withHeld(this.#holders?.ofApp(appid), this.index.of(appid));
  }

  /** Yields the records that holders have, and those of the index that none has. */
  *#withHeld(holders: Iterable<RecordHolder> = [], indexed: Iterable<CachedRecord>): Iterable<CachedRecord> {
    for (const { record } of holders) if (record !== undefined) yield record;
    for (const cached of indexed) if (this.#holders?.of(cached.key) === undefined) yield cached;
  }

  /** Forgets everything and remembers nothing more, so that no hit answers any longer. */
  close(): void {
    this.#isClosed = true;
    this.#holders = undefined;
    this.index.clear();
    this.#recent.clear();
    this.#failures.clear();
  }
}
