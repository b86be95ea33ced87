import type { Clock, ClockTimer } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { appidOf, documentId, keyId, parseKey, type TokenKey } from '../model/token-key.js';
import { batches } from '../primitives/batches.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Failures } from '../records/failures.js';
import type { GrantWriter } from '../records/grant-writer.js';
import type { RememberedFailure } from '../records/record-cache.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { Registry } from '../registry/registry.js';
import { isAbsent, type KeyDocument, reportedGrant, type StoredGrant } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import { HISTORY_ID, type StoreHistory } from '../store/store-history.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { HeldRecords } from './held-records.js';

/** The part that goes on with a store that has been replaced. */
export interface Recovery {
  readonly history: StoreHistory;
  /** Looks which history the store has. */
  look(): Promise<void>;
  /** Called when an app, or a task of it, was read again. */
  showed(appid: string): Promise<void>;
}

const LOOK_EVERY_MS = 60_000;
const RETRY_MS = 5_000;
/** So many records are checked each minute, in one round trip, and so many are gone through for that. */
const MOST_CHECKED = 100;
const MOST_PASSED = 10_000;

export interface FollowerParts {
  readonly store: SupervisedStore;
  readonly documents: KeyDocuments;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: Failures;
  readonly writer: GrantWriter;
  readonly clock: Clock;
  readonly recovery: Recovery;
  /** Once it has begun, nothing more is read, and nothing is retried. */
  readonly closing: Closing;
  /** Returns whether WeChat pushes tokens of this type, so that others may wait for one. */
  readonly isPushed: (type: string) => boolean;
  /** Called when a process that may not refresh the key has seen its value rejected. */
  readonly reported: (key: TokenKey, value: string) => void;
  /** Called after the record or the failure of a key may have changed. */
  readonly changed: (key: TokenKey) => void;
}

/** The state of a key as this process knows it. */
interface Known {
  readonly record: CachedRecord | undefined;
  readonly failure: RememberedFailure | undefined;
  /** The number of times that the store has been replaced. */
  readonly generation: number;
}

/** Keeps what this process holds in step with what others write to the store. */
export class StoreFollower implements RecordReader {
  readonly #parts: FollowerParts;
  readonly #held: HeldRecords;
  readonly #reading = new Map<string, Promise<CachedRecord | undefined>>();
  #endWatch: (() => Promise<void>) | undefined;
  readonly #missed = new Set<string | undefined>();
  #look: ClockTimer | undefined;
  #retry: ClockTimer | undefined;
  /** The records that have not been checked in this round. */
  #unchecked: Iterator<CachedRecord> | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#held = new HeldRecords(parts);
  }

  async start(): Promise<void> {
    const { store, registry, recovery, closing } = this.#parts;
    // What is read from now on belongs to this history or a later one. A failing store is reported by the reads below.
    await recovery.history.look().catch(() => {});
    if (store.canWatch) {
      this.#endWatch ??= await store.watch((id, version) => {
        this.#follow(id, version);
      });
      // A watch that begins after the stop would never be ended.
      if (closing.hasBegun) await this.stop();
    }
    this.#lookAround();
    await registry.load(closing);
  }

  async stop(): Promise<void> {
    this.#look?.cancel();
    this.#retry?.cancel();
    const end = this.#endWatch;
    this.#endWatch = undefined;
    await end?.();
  }

  /** Reads the records of all these keys, a hundred in one round trip. */
  async loadAll(keys: readonly TokenKey[]): Promise<void> {
    const { store } = this.#parts;
    for (const batch of batches(keys)) {
      this.#parts.closing.assertOpen();
      const before = batch.map((key) => this.#known(key));
      const stored = await store.get(batch.map((key) => documentId('key', key)));
      for (const [index, key] of batch.entries()) {
        try {
          const document = await this.#parts.documents.decode(key, stored[index]);
          await this.#adoptRead(key, before[index] as Known, document);
        } catch {
          // A document that cannot be read concerns its own key: the error is reported to the caller that reads it.
          this.#parts.changed(key);
        }
      }
    }
  }

  /** Reads what the store holds of a key and adopts it. One read of a key at a time. */
  read(key: TokenKey): Promise<CachedRecord | undefined> {
    return this.#readOnce(key, () => this.#parts.documents.read(key));
  }

  /** Reads the same, and in one round trip with it what is registered for the key as far as that is not held. */
  readWithRegistration(key: TokenKey): Promise<CachedRecord | undefined> {
    return this.#readOnce(key, async () => {
      const { registry, documents } = this.#parts;
      const stored = await registry.readBeside(documentId('key', key), key);
      // What is left of an app that has gone must leave nothing in memory.
      return registry.knows(key.appid) ? documents.decode(key, stored) : undefined;
    });
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
    const { cache, generation } = this.#parts.records;
    return { record: cache.get(key), failure: cache.failure(key), generation };
  }

  /** Adopts what a read has shown, unless what has become known since the read began is newer. */
  async #adoptRead(key: TokenKey, before: Known, document: KeyDocument): Promise<CachedRecord | undefined> {
    const { store, records, documents, closing } = this.#parts;
    const isMissing = isAbsent(document) && records.cache.get(key)?.isStored === true;
    const absence = isMissing ? await store.judgeAbsence(documentId('key', key)) : undefined;
    const { record: held, failure } = this.#known(key);
    if (closing.hasBegun) return held;
    if (absence === 'restored') return this.#readNow(key, () => documents.read(key));
    // What was read before the store was replaced says nothing of the one in its place.
    if (before.generation !== records.generation) return this.#readNow(key, () => documents.read(key));
    if (held !== undefined && records.isDisplaced(held)) {
      await this.restore(held, document);
      // Another read may have put it back beside an older document.
      return records.cache.get(key) === held ? held : this.#adoptIfNewer(key, held, before, document);
    }
    // An absence has no version, so it says nothing of what has become known meanwhile.
    if (document.version === 0 && failure !== undefined && failure !== before.failure) return held;
    return this.#adoptIfNewer(key, before.record, before, document);
  }

  /** Adopts a document unless a newer record than that has come into force since this one was held. */
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
      const isOutdated = held !== undefined && (recordVersion <= held.version || records.generation !== generation);
      if (grant === undefined || isOutdated) return held;
    }
    return this.adopt(key, document);
  }

  /** Puts in force what the store holds of a key. */
  adopt(key: TokenKey, document: KeyDocument): CachedRecord | undefined {
    const adopted = this.#adopt(key, document);
    const stale = reportedGrant(document);
    if (stale !== undefined) this.#parts.reported(key, stale.value);
    return adopted;
  }

  #adopt(key: TokenKey, document: KeyDocument): CachedRecord | undefined {
    const { records, registry, failures, changed } = this.#parts;
    const held = records.cache.get(key);
    failures.learn(key, document);
    const { grant, hidden, recordVersion } = document;
    if (grant === undefined && (held === undefined || hidden === undefined)) {
      if (held?.isStored === true) records.cache.delete(key);
      changed(key);
      return records.cache.get(key);
    }
    const isSameRecord = held?.version === recordVersion && held.storedDueAt === grant?.dueAt;
    // Another refresh token may have been stored beside the same record.
    if (held !== undefined && isSameRecord && held.rotation?.token === document.rotation?.token) {
      records.confirm(held);
      return held;
    }
    // A hidden grant belongs to another registration than what is held, which is that of the present one.
    const isOlder = held !== undefined && (recordVersion < held.version || records.overtakes(held, document));
    if (held !== undefined && (grant === undefined || isOlder)) {
      void this.restore(held, document).catch(() => {
        // The next look at the store finds the same again.
      });
      return held;
    }
    const announceFirst = registry.task(key) !== undefined;
    const adopted = records.adopt(key, document, grant as StoredGrant, { source: 'store', announceFirst });
    changed(key);
    return adopted;
  }

  /** Does what {@link HeldRecords.restoreNewer} does. */
  restoreNewer(key: TokenKey, document: KeyDocument): Promise<boolean> {
    return this.#held.restoreNewer(key, document);
  }

  /** Does what {@link HeldRecords.restore} does. */
  restore(held: CachedRecord, document: KeyDocument): Promise<void> {
    return this.#held.restore(held, document);
  }

  /**
   * Looks now and then whether the store is still the same one, and, where it tells of no changes, at all that is held.
   */
  #lookAround(): void {
    this.#look?.cancel();
    if (this.#parts.closing.hasBegun) return;
    this.#look = this.#parts.clock.setTimer(() => {
      this.#lookAround();
      const { store, recovery } = this.#parts;
      if (!store.canWatch) this.#follow(undefined);
      else if (!store.failsToRead) {
        recovery
          .look()
          .then(() => this.#spotCheck())
          .catch(() => {});
      }
    }, LOOK_EVERY_MS);
  }

  /**
   * Reads some of the held records that have a refresh token, others each time: a backup that is restored without any
   * registration since tells nothing of itself, and the newest refresh tokens would be in memory alone.
   */
  async #spotCheck(): Promise<void> {
    const keys: TokenKey[] = [];
    this.#unchecked ??= this.#parts.records.cache.records()[Symbol.iterator]();
    for (let passed = 0; passed < MOST_PASSED && keys.length < MOST_CHECKED; passed++) {
      const { done, value } = this.#unchecked.next();
      if (done === true) {
        this.#unchecked = undefined;
        break;
      }
      if (value.rotation?.token !== undefined) keys.push(value.key);
    }
    if (keys.length > 0) await this.loadAll(keys);
  }

  #follow(id: string | undefined, version?: number): void {
    if (this.#parts.closing.hasBegun) return;
    this.#onChange(id, version).catch(() => {
      if (this.#parts.closing.hasBegun) return;
      this.#missed.add(id);
      this.#retry ??= this.#parts.clock.setTimer(() => this.#lookAtMissed(), RETRY_MS);
    });
  }

  /** Reads again later what could not be read: its notification does not come twice. */
  #lookAtMissed(): void {
    const missed = [...this.#missed];
    this.#missed.clear();
    this.#retry = undefined;
    for (const id of missed.includes(undefined) ? [undefined] : missed) this.#follow(id);
  }

  async #onChange(id: string | undefined, version: number | undefined): Promise<void> {
    const { registry, records, writer, recovery, closing } = this.#parts;
    if (id === HISTORY_ID) {
      if (version === undefined || !(await recovery.history.isSeen(version))) await recovery.look();
      return;
    }
    if (id === undefined) {
      await recovery.look();
      await registry.load(closing);
      await this.loadAll([...records.cache.records()].map(({ key }) => key));
      return;
    }
    const key = parseKey(id);
    if (id.startsWith('app/') || id.startsWith('task/')) {
      if (registry.concerns(id)) await registry.reload(id);
      await recovery.showed(appidOf(id));
    } else if (key !== undefined && this.#concernsUs(key)) {
      await writer.idle(key);
      if (version !== undefined && version === writer.lastVersion(key)) return;
      // That read may have begun before the change.
      await this.#reading.get(keyId(key))?.catch(() => {});
      await this.read(key);
    }
  }

  #concernsUs(key: TokenKey): boolean {
    const { registry, records, failures, isPushed } = this.#parts;
    if (registry.task(key) !== undefined || records.cache.get(key) !== undefined) return true;
    // Keys that depend on it may be waiting.
    if (failures.hasRemembered(key)) return true;
    if (this.#reading.has(keyId(key))) return true;
    return isPushed(key.type) && registry.knows(key.appid);
  }
}
