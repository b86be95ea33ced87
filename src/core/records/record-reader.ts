import type { Closing } from '../model/closing.js';
import type { Registrations } from '../model/registrations.js';
import type { StoredDocument } from '../model/store.js';
import { documentId, keyId, type TokenKey } from '../model/token-key.js';
import { batches } from '../primitives/batches.js';
import { noop } from '../primitives/noop.js';
import { isAbsent, type KeyDocument, reportedGrant, type StoredGrant } from '../store/key-document.js';
import type { Storage } from '../store/storage.js';
import type { CachedRecord } from './cached-record.js';
import type { GrantWriter } from './grant-writer.js';
import type { RememberedFailure } from './record-cache.js';
import type { RecordListener } from './record-changes.js';
import type { Records } from './records.js';
import type { RetryStates } from './retry-states.js';

/** The part that writes cached records back to a store that has lost them or has older ones. */
export interface RecordRestorer {
  /**
   * Puts back the cached record before a refresh uses an older one, and returns whether that has changed the document.
   */
  restoreNewer(key: TokenKey, document: KeyDocument): Promise<boolean>;
  /** Puts back a cached record if the store has an older one or none. */
  restore(held: CachedRecord, document: KeyDocument): Promise<void>;
}

export interface RecordReaderParts extends Pick<Storage, 'store' | 'clock' | 'documents'> {
  readonly registry: Registrations;
  readonly records: Records;
  readonly retryStates: RetryStates;
  readonly restorer: RecordRestorer;
  /** The writer of this process, which announces what it has written, with its origin. */
  readonly writer: Pick<GrantWriter, 'idle'>;
  /** The listener that is notified of changes that a read has shown. */
  readonly changes: RecordListener;
  /** The closing of the manager. Once it has begun, nothing more is adopted. */
  readonly closing: Closing;
}

/** The state of a key as this process knows it. */
interface Known {
  readonly record: CachedRecord | undefined;
  readonly failure: RememberedFailure | undefined;
  /** The number of replacements of the store. */
  readonly generation: number;
}

/** Reads documents of keys and makes their records current. */
export class RecordReader {
  readonly #parts: RecordReaderParts;
  readonly #reading = new Map<string, Promise<CachedRecord | undefined>>();
  /** The keys of cached records that are read together in a moment. */
  #unconfirmed: TokenKey[] = [];

  constructor(parts: RecordReaderParts) {
    this.#parts = parts;
  }

  /**
   * Reads the records of all these keys, a hundred in one round trip. Those of one round trip are put back concurrently if
   * the store has lost them, since each takes several commands.
   */
  async loadAll(keys: readonly TokenKey[]): Promise<void> {
    const { store, closing } = this.#parts;
    for (const batch of batches(keys)) {
      closing.assertOpen();
      const before = batch.map((key) => this.#known(key));
      const stored = await store.get(batch.map((key) => documentId('key', key)));
      await Promise.all(batch.map((key, index) => this.#adoptStored(key, before[index] as Known, stored[index])));
    }
  }

  async #adoptStored(key: TokenKey, before: Known, stored: StoredDocument | undefined): Promise<void> {
    const { documents, changes } = this.#parts;
    try {
      await this.#adoptRead(key, before, await documents.decode(key, stored));
    } catch {
      // An unreadable document concerns its own key only: the error is reported to the caller that reads it.
      changes.changed(key);
    }
  }

  /** Reads the document of a key and adopts it. Concurrent reads of a key share one request. */
  read(key: TokenKey): Promise<CachedRecord | undefined> {
    return this.#readOnce(key, () => this.#parts.documents.read(key));
  }

  /** Reads the document of a key and, in the same round trip, its registration as far as that is not cached. */
  readWithRegistration(key: TokenKey): Promise<CachedRecord | undefined> {
    return this.#readOnce(key, async () => {
      const { registry, documents } = this.#parts;
      const stored = await registry.loadWith(documentId('key', key), key);
      // Documents that an unregistered app has left behind must not be cached.
      return registry.hasApp(key.appid) ? documents.decode(key, stored) : undefined;
    });
  }

  /**
   * Has a cached record confirmed by the store in the background, if it has not been for long. The records of one moment
   * are read together, because a round trip for each of them would cost as much as answering its request.
   */
  confirmInBackground(held: CachedRecord): void {
    const { records, clock } = this.#parts;
    if (!records.needsConfirmation(held)) return;
    records.confirm(held);
    this.#unconfirmed.push(held.key);
    if (this.#unconfirmed.length === 1) clock.setTimer(() => this.#readUnconfirmed(), 0);
  }

  #readUnconfirmed(): void {
    const keys = this.#unconfirmed;
    this.#unconfirmed = [];
    // The store reports its own failures, and the records are confirmed again a minute later.
    this.loadAll(keys).catch(noop);
  }

  /** Returns the read of this key that is in progress. */
  underWay(key: TokenKey): Promise<CachedRecord | undefined> | undefined {
    return this.#reading.get(keyId(key));
  }

  /** Makes the stored state of a key current. */
  adopt(key: TokenKey, document: KeyDocument): CachedRecord | undefined {
    const adopted = this.#adopt(key, document);
    const stale = reportedGrant(document);
    if (stale !== undefined) this.#parts.changes.reported(key, stale.value);
    return adopted;
  }

  #readOnce(key: TokenKey, read: () => Promise<KeyDocument | undefined>): Promise<CachedRecord | undefined> {
    const id = keyId(key);
    let reading = this.#reading.get(id);
    if (reading === undefined) {
      reading = this.#readNow(key, read).finally(() => this.#reading.delete(id));
      this.#reading.set(id, reading);
    }
    return reading;
  }

  async #readNow(key: TokenKey, read: () => Promise<KeyDocument | undefined>): Promise<CachedRecord | undefined> {
    const { records } = this.#parts;
    const before = this.#known(key);
    const document = await read();
    return document === undefined ? records.cache.get(key) : this.#adoptRead(key, before, document);
  }

  #known(key: TokenKey): Known {
    const { cache, displaced } = this.#parts.records;
    return { record: cache.get(key), failure: cache.failure(key), generation: displaced.generation };
  }

  /** Adopts the result of a read, unless something newer has become known since the read began. */
  async #adoptRead(key: TokenKey, before: Known, document: KeyDocument): Promise<CachedRecord | undefined> {
    const { store, records, documents, restorer, writer, closing } = this.#parts;
    // A store may show a document before the write of this process has returned.
    if (document.recordVersion > (records.cache.get(key)?.version ?? 0)) await writer.idle(key);
    const isMissing = isAbsent(document) && records.cache.get(key)?.isStored === true;
    const absence = isMissing ? await store.judgeAbsence(documentId('key', key)) : undefined;
    const { record: held, failure } = this.#known(key);
    if (closing.hasBegun) return held;
    if (absence === 'restored') return this.#readNow(key, () => documents.read(key));
    // The result comes from the history before the replacement, so the key is read again.
    if (before.generation !== records.displaced.generation) return this.#readNow(key, () => documents.read(key));
    if (held !== undefined && records.displaced.has(held)) {
      await restorer.restore(held, document);
      // Another read may have put back the cached record while this one showed an older document.
      return records.cache.get(key) === held ? held : this.#adoptIfNewer(key, held, before, document);
    }
    // An absent document has no version, so it does not supersede a failure that became known meanwhile.
    if (document.version === 0 && failure !== undefined && failure !== before.failure) return held;
    return this.#adoptIfNewer(key, before.record, before, document);
  }

  /** Adopts a document, unless a newer record has become current since this one was cached. */
  #adoptIfNewer(
    key: TokenKey,
    since: CachedRecord | undefined,
    { generation }: Known,
    document: KeyDocument,
  ): CachedRecord | undefined {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    if (held !== since) {
      const { grant, recordVersion } = document;
      const isOutdated =
        held !== undefined && (recordVersion <= held.version || records.displaced.generation !== generation);
      if (grant === undefined || isOutdated) return held;
    }
    return this.adopt(key, document);
  }

  #adopt(key: TokenKey, document: KeyDocument): CachedRecord | undefined {
    const { records, registry, retryStates, restorer, changes } = this.#parts;
    const held = records.cache.get(key);
    retryStates.update(key, document);
    const { grant, hidden, recordVersion } = document;
    if (grant === undefined && (held === undefined || hidden === undefined)) {
      if (held?.isStored === true) records.cache.delete(key);
      changes.changed(key);
      return records.cache.get(key);
    }
    const isSameRecord = held?.version === recordVersion && held.storedDueAt === grant?.dueAt;
    // Another refresh token may have been stored beside the same record, or earlier tokens been revoked.
    const isSameBeside = held?.rotation?.token === document.rotation?.token && held?.revokedAt === document.revokedAt;
    if (held !== undefined && isSameRecord && isSameBeside) {
      records.confirm(held);
      return held;
    }
    // A hidden grant belongs to an earlier registration, while the cached record belongs to the present one.
    const isOlder = held !== undefined && (recordVersion < held.version || records.overtakes(held, document));
    if (held !== undefined && (grant === undefined || isOlder)) {
      void restorer.restore(held, document).catch(() => {
        // If this fails, the next check of the store finds the same difference.
      });
      return held;
    }
    const announceFirst = registry.task(key) !== undefined;
    const adopted = records.adopt(key, document, grant as StoredGrant, { source: 'store', announceFirst });
    changes.changed(key);
    return adopted;
  }
}
