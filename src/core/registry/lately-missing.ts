import type { Clock } from '../concurrency/clock.js';
import { appDocumentId, appidOf, documentId, parseKey } from '../model/token-key.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Records } from '../records/records.js';
import type { OwnRegistration, OwnRegistrations } from './own-registrations.js';
import { appFrom, taskFrom } from './registration-document.js';
import type { Registry } from './registry.js';

export interface LatelyMissingParts {
  readonly own: OwnRegistrations;
  readonly registry: Registry;
  readonly records: Records;
  readonly clock: Clock;
}

interface Kept<Item> {
  readonly item: Item;
  readonly atMonotonic: number;
}

/** The time for which a store may be losing its documents one after the other before it shows another history. */
const KEPT_MS = 600_000;
const MAX_KEPT = 10_000;

/**
 * Remembers for some minutes what counted as deleted because the store did not have it any more: apps and tasks of this
 * process, and the refresh tokens of their keys. A store does not lose everything at once: while a directory is being
 * deleted, its history may still be there when its other documents are gone.
 */
export class LatelyMissing {
  readonly #parts: LatelyMissingParts;
  readonly #registrations = boundedCache<string, Kept<OwnRegistration>>(MAX_KEPT);
  readonly #records = boundedCache<string, Kept<CachedRecord>>(MAX_KEPT);

  constructor(parts: LatelyMissingParts) {
    this.#parts = parts;
  }

  /** Notes that the document with this id is missing. What is held of it, and depends on it, may be dropped next. */
  note(id: string): void {
    const { own, records, clock } = this.#parts;
    const atMonotonic = clock.monotonic();
    const key = parseKey(id);
    for (const ownId of key === undefined ? own.ids(appidOf(id)) : [id]) {
      const item = own.get(ownId);
      if (item !== undefined) this.#registrations.set(ownId, { item, atMonotonic });
    }
    const cached = key === undefined ? records.cache.recordsOf(appidOf(id)) : [records.cache.get(key)];
    for (const record of cached) {
      if (record?.rotation !== undefined) {
        this.#records.set(documentId('task', record.key), { item: record, atMonotonic });
      }
    }
  }

  /** Forgets what has been missing for so long that it was deleted on purpose. */
  expire(): void {
    const since = this.#parts.clock.monotonic() - KEPT_MS;
    for (const kept of [this.#registrations, this.#records]) {
      for (const [id, { atMonotonic }] of [...kept.entries()]) if (atMonotonic <= since) kept.delete(id);
    }
  }

  /** Forgets an app with its tasks, or a task, that this process has unregistered. */
  forget(id: string): void {
    const appid = appidOf(id);
    const isWhole = id === appDocumentId(appid);
    for (const kept of [this.#registrations, this.#records]) {
      if (isWhole) for (const found of [...kept.keys()].filter((one) => appidOf(one) === appid)) kept.delete(found);
      else kept.delete(id);
    }
  }

  /** Holds everything again that is missing since shortly before the store was found to be replaced. */
  recall(): void {
    const { own, registry, records } = this.#parts;
    this.expire();
    for (const [id, { item }] of this.#registrations.entries()) {
      if (own.has(id)) continue;
      own.note(id, item.content, item.version);
      const key = parseKey(id);
      if (key !== undefined) registry.setTask(taskFrom(key, item.content, item.version, registry.task(key)));
      else registry.setApp(appFrom(appidOf(id), item.content, item.version));
    }
    for (const [id, { item }] of this.#records.entries()) {
      const isRegistered = own.has(id) && own.has(appDocumentId(appidOf(id)));
      if (isRegistered && records.cache.get(item.key) === undefined) records.cache.set(item);
    }
    this.#registrations.clear();
    this.#records.clear();
  }
}
