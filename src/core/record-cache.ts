import { LRUCache } from 'lru-cache';
import type { CachedRecord } from './cached-record.js';
import type { Trying } from './key-document.js';
import type { TokenKey } from './token-key.js';
import { keyId } from './token-key.js';

/** Something that is held of a key and keeps the record of that as long as it lives. */
export interface RecordHolder {
  readonly key: TokenKey;
  record: CachedRecord | undefined;
}

export interface RecordHolders {
  of(key: TokenKey): RecordHolder | undefined;
  all(): Iterable<RecordHolder>;
}

/** A failure that this process remembers. */
export interface RememberedFailure {
  readonly trying: Trying;
  /** It binds this process alone: other processes may succeed. */
  readonly local: boolean;
}

const MAX_FAILURES = 10_000;

/**
 * Records that are to be kept, as those of keys with a task, in maps that never evict and where their tasks are held; the
 * rest, and recent failures, in LRU caches. Where a fleet shares more than one process can hold, the maps are for speed alone,
 * and the LRU cache has all.
 */
export class RecordCache {
  /** By type first: there are few, so that a lookup among many apps meets one large map and not one more for each app. */
  readonly #byType = new Map<string, Map<string, CachedRecord>>();
  readonly #bySubject = new Map<string, CachedRecord>();
  readonly #recent: LRUCache<string, CachedRecord>;
  readonly #failures = new LRUCache<string, RememberedFailure>({ max: MAX_FAILURES });
  readonly #isKept: (key: TokenKey) => boolean;
  readonly #holders: RecordHolders | undefined;
  /** The record that was looked up last, where there is one app: comparing two names is cheaper than two lookups. */
  #only: CachedRecord | undefined;
  #isClosed = false;

  /**
   * @param holders - where everything that is kept is kept however much it is; else `maxCachedRecords` bounds that too.
   */
  constructor(maxCachedRecords: number, isKept: (key: TokenKey) => boolean, holders?: RecordHolders) {
    this.#recent = new LRUCache({
      max: maxCachedRecords,
      dispose: ({ key }, _id, reason) => {
        if (reason === 'evict') this.#deleteKept(key);
      },
    });
    this.#isKept = isKept;
    this.#holders = holders;
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
    if (this.#holders === undefined) return this.#recent.get(keyId(key));
    const held = this.#holders.of(key)?.record;
    if (held !== undefined) return this.#isClosed ? undefined : held;
    const id = keyId(key);
    const kept = key.subject === undefined ? this.#byType.get(key.type)?.get(key.appid) : this.#bySubject.get(id);
    return kept ?? this.#recent.get(id);
  }

  /** The key under which something is held of it already, or this one. */
  keyOf(key: TokenKey): TokenKey {
    return this.#holders?.of(key)?.key ?? key;
  }

  set(cached: CachedRecord): void {
    if (this.#isClosed) return;
    const { key } = cached;
    this.delete(key);
    const isKept = this.#isKept(key);
    if (!isKept || this.#holders === undefined) this.#recent.set(keyId(key), cached);
    if (!isKept) return;
    const holder = this.#holders?.of(key);
    if (holder !== undefined) holder.record = cached;
    else if (key.subject !== undefined) this.#bySubject.set(keyId(key), cached);
    if (key.subject === undefined) this.#appsOf(key.type).set(key.appid, cached);
  }

  delete(key: TokenKey): void {
    this.#recent.delete(keyId(key));
    this.#deleteKept(key);
  }

  #deleteKept(key: TokenKey): void {
    this.#only = undefined;
    const holder = this.#holders?.of(key);
    if (holder !== undefined) holder.record = undefined;
    if (key.subject !== undefined) this.#bySubject.delete(keyId(key));
    else this.#byType.get(key.type)?.delete(key.appid);
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

  clearFailure(key: TokenKey): void {
    this.#failures.delete(keyId(key));
  }

  /** Makes every record be looked at before it is answered again. */
  distrust(): void {
    for (const cached of this.records()) cached.checkAt = Number.NEGATIVE_INFINITY;
  }

  *records(): Iterable<CachedRecord> {
    if (this.#isClosed) return;
    if (this.#holders !== undefined) {
      for (const { record } of this.#holders.all()) if (record !== undefined) yield record;
      // Of pushed tokens without a task, nothing else is held.
      for (const apps of this.#byType.values()) {
        for (const cached of apps.values()) if (this.#holders.of(cached.key) === undefined) yield cached;
      }
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
