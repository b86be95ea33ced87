import { LRUCache } from 'lru-cache';
import type { Trying } from './key-document.js';
import type { Rotation } from './rotation.js';
import type { TokenKey } from './token-key.js';
import { keyId } from './token-key.js';
import type { TokenRecord } from './token-record.js';

/** A record in memory, with what a hit needs precomputed. */
export interface CachedRecord {
  readonly key: TokenKey;
  readonly record: TokenRecord;
  readonly value: string;
  /** The refresh token and what is known of it, for a store that a failover has set back. */
  readonly rotation: Rotation | undefined;
  /** Until this instant the value can be answered without a further look. Only a look with both clocks moves it. */
  checkAt: number;
  /** Made at the first hit, so that hits allocate nothing. */
  promise: Promise<string> | undefined;
  /** When the token ends by the monotonic clock, which no change of the wall clock moves. */
  readonly endsAtMonotonic: number;
  /** When the store last showed this version, by the monotonic clock; `undefined` while it is not in the store. */
  confirmedAtMonotonic: number | undefined;
  /** When it is due in this process. */
  dueAt: number;
  /** The store says so, which a clock far ahead has told: the token may have ended since. */
  readonly isFromTheFuture: boolean;
}

/** A failure that this process remembers. */
export interface RememberedFailure {
  readonly trying: Trying;
  /** It binds this process alone: other processes may succeed. */
  readonly local: boolean;
}

const MAX_FAILURES = 10_000;

/**
 * Records that are to be kept, as those of keys with a task, in maps that never evict; the rest, and recent failures, in LRU
 * caches. Where a fleet shares more than one process can hold, the maps are for speed alone, and the LRU cache has all.
 */
export class RecordCache {
  /** By type first: there are few, so that a lookup among many apps meets one large map and not one more for each app. */
  readonly #byType = new Map<string, Map<string, CachedRecord>>();
  readonly #bySubject = new Map<string, CachedRecord>();
  readonly #recent: LRUCache<string, CachedRecord>;
  readonly #failures = new LRUCache<string, RememberedFailure>({ max: MAX_FAILURES });
  readonly #isKept: (key: TokenKey) => boolean;
  readonly #keepsAll: boolean;
  /** The record that was looked up last, where there is one app: comparing two names is cheaper than two lookups. */
  #only: CachedRecord | undefined;
  #isClosed = false;

  /**
   * @param keepsAll - whether what is kept is kept however much it is; else `maxCachedRecords` bounds that too.
   */
  constructor(maxCachedRecords: number, isKept: (key: TokenKey) => boolean, keepsAll = true) {
    this.#recent = new LRUCache({
      max: maxCachedRecords,
      dispose: ({ key }, _id, reason) => {
        if (reason === 'evict') this.#deleteKept(key);
      },
    });
    this.#isKept = isKept;
    this.#keepsAll = keepsAll;
  }

  /** The record of a key with a task and without a subject: two lookups, for the hot path. */
  hot(appid: string, type: string): CachedRecord | undefined {
    const only = this.#only;
    if (only !== undefined && only.key.appid === appid && only.key.type === type) return only;
    const apps = this.#byType.get(type);
    const found = apps?.get(appid);
    if (apps?.size === 1) this.#only = found;
    return found;
  }

  get(key: TokenKey): CachedRecord | undefined {
    const kept =
      key.subject === undefined ? this.#byType.get(key.type)?.get(key.appid) : this.#bySubject.get(keyId(key));
    if (kept !== undefined && this.#keepsAll) return kept;
    return this.#recent.get(keyId(key));
  }

  set(cached: CachedRecord): void {
    if (this.#isClosed) return;
    const { key } = cached;
    this.delete(key);
    const isKept = this.#isKept(key);
    if (!isKept || !this.#keepsAll) this.#recent.set(keyId(key), cached);
    if (!isKept) return;
    if (key.subject !== undefined) this.#bySubject.set(keyId(key), cached);
    else this.#appsOf(key.type).set(key.appid, cached);
  }

  delete(key: TokenKey): void {
    this.#recent.delete(keyId(key));
    this.#deleteKept(key);
  }

  #deleteKept(key: TokenKey): void {
    this.#only = undefined;
    if (key.subject !== undefined) {
      this.#bySubject.delete(keyId(key));
      return;
    }
    this.#byType.get(key.type)?.delete(key.appid);
  }

  failure(key: TokenKey): RememberedFailure | undefined {
    return this.#failures.get(keyId(key));
  }

  setFailure(key: TokenKey, failure: RememberedFailure): void {
    this.#failures.set(keyId(key), failure);
  }

  clearFailure(key: TokenKey): void {
    this.#failures.delete(keyId(key));
  }

  /** Makes every record be looked at before it is answered again. */
  distrust(): void {
    for (const cached of this.records()) cached.checkAt = Number.NEGATIVE_INFINITY;
  }

  *records(): Iterable<CachedRecord> {
    if (this.#keepsAll) {
      for (const apps of this.#byType.values()) yield* apps.values();
      yield* this.#bySubject.values();
    }
    yield* this.#recent.values();
  }

  /** Forgets everything and remembers nothing more, so that no hit answers any longer. */
  close(): void {
    this.#isClosed = true;
    this.#only = undefined;
    this.#byType.clear();
    this.#bySubject.clear();
    this.#recent.clear();
    this.#failures.clear();
  }

  #appsOf(type: string): Map<string, CachedRecord> {
    let apps = this.#byType.get(type);
    if (apps === undefined) this.#byType.set(type, (apps = new Map()));
    return apps;
  }
}
