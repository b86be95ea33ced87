import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from './cached-record.js';

/**
 * Finds records by the names of their keys. The names are looked up one after the other, so that no look-up has to
 * build a string. The type comes first: there are few types, so that a look-up among many apps needs one large map
 * instead of one more map for each app.
 */
export class RecordIndex {
  readonly #plain = new Map<string, Map<string, CachedRecord>>();
  readonly #bySubject = new Map<string, Map<string, Map<string, CachedRecord>>>();
  /** The last record that was found, if its type has one app. Comparing two names is cheaper than two look-ups. */
  #only: CachedRecord | undefined;

  /** Returns the record of a key without a subject. */
  plain(appid: string, type: string): CachedRecord | undefined {
    const only = this.#only;
    if (only !== undefined && only.key.appid === appid && only.key.type === type) return only;
    const apps = this.#plain.get(type);
    const found = apps?.get(appid);
    if (apps?.size === 1) this.#only = found;
    return found;
  }

  /** Returns the record of a key with a subject. */
  ofSubject(appid: string, type: string, subject: string): CachedRecord | undefined {
    return this.#bySubject.get(type)?.get(appid)?.get(subject);
  }

  /** Stores a record in place of the cached one of its key. */
  set(cached: CachedRecord): void {
    const { appid, type, subject } = cached.key;
    this.#only = undefined;
    if (subject === undefined) {
      mapIn(this.#plain, type).set(appid, cached);
    } else {
      mapIn(mapIn(this.#bySubject, type), appid).set(subject, cached);
    }
  }

  delete({ appid, type, subject }: TokenKey): void {
    this.#only = undefined;
    if (subject === undefined) {
      this.#plain.get(type)?.delete(appid);
      return;
    }
    const apps = this.#bySubject.get(type);
    const subjects = apps?.get(appid);
    subjects?.delete(subject);
    if (subjects?.size === 0) apps?.delete(appid);
  }

  /** Yields the records of one app. */
  *of(appid: string): Iterable<CachedRecord> {
    for (const apps of this.#plain.values()) {
      const cached = apps.get(appid);
      if (cached !== undefined) yield cached;
    }
    for (const apps of this.#bySubject.values()) yield* apps.get(appid)?.values() ?? [];
  }

  *values(): Iterable<CachedRecord> {
    for (const apps of this.#plain.values()) yield* apps.values();
    for (const apps of this.#bySubject.values()) {
      for (const subjects of apps.values()) yield* subjects.values();
    }
  }

  clear(): void {
    this.#only = undefined;
    this.#plain.clear();
    this.#bySubject.clear();
  }
}

function mapIn<Value>(maps: Map<string, Map<string, Value>>, name: string): Map<string, Value> {
  let map = maps.get(name);
  if (map === undefined) maps.set(name, (map = new Map()));
  return map;
}
