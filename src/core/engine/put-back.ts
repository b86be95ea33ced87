import { Semaphore } from '../concurrency/semaphore.js';
import { HOLDERS_LOOK_WITHIN_MS } from '../concurrency/time-limits.js';
import type { StoredDocument } from '../model/store.js';
import {
  appDocumentId,
  DELIVERY_LANE,
  documentId,
  parseKey,
  registrationIds,
  type TokenKey,
} from '../model/token-key.js';
import { allOf } from '../primitives/all-of.js';
import { batches } from '../primitives/batches.js';
import { canonicalJson } from '../primitives/checksum.js';
import type { JsonObject } from '../primitives/json.js';
import type { RecordRestorer } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import { isLeftOver } from '../registry/left-overs.js';
import type { OwnRegistration, OwnRegistrations } from '../registry/own-registrations.js';
import type { Registrar } from '../registry/registrar.js';
import type { RegistrationLease } from '../registry/registration-lease.js';
import { opened } from '../registry/registration-writer.js';
import type { Registry } from '../registry/registry.js';
import { seal, unseal } from '../store/document-codec.js';
import type { DocumentReader } from '../store/document-reader.js';
import { NO_KEY_DOCUMENT } from '../store/key-document.js';
import type { StoreClock } from '../store/store-clock.js';
import type { Replacement, StoreHistory } from '../store/store-history.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended } from '../store/write-errors.js';

export interface PutBackParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly registrar: Registrar;
  readonly records: Records;
  readonly own: OwnRegistrations;
  readonly history: StoreHistory;
  readonly restorer: RecordRestorer;
}

/** The kind of the replacement that was found, and the number of replacements by then. */
interface Found {
  readonly replacement: Replacement;
  readonly generation: number;
}

interface Opened {
  readonly found: StoredDocument;
  readonly content: JsonObject;
}

const MAX_ROUNDS = 10;
/** The number of concurrent writes for one app. Apps that are put back at the same time do not wait for one another. */
const MAX_WRITING = 4;

/** Puts the registrations of this process back into a replaced store that lacks them. */
export class PutBack {
  readonly #parts: PutBackParts;

  constructor(parts: PutBackParts) {
    this.#parts = parts;
  }

  /**
   * Puts back an app: its tasks, then the app itself, as a registration does. It stops if the store is replaced again,
   * and reads no record, since such a read may wait for this very work. It may be repeated: documents that exist by
   * then are left alone.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async app(appid: string, replacement: Replacement): Promise<void> {
    const { own, registrar, history } = this.#parts;
    const { generation } = history;
    for (const ids of [...batches(own.taskIds(appid)), [appDocumentId(appid)]]) {
      await registrar.exclusively(appid, (lease) => this.#documents(ids, { replacement, generation }, lease));
    }
  }

  /**
   * Makes the tasks of an app due that a fleet's schedule has lost. They are due only when every process has checked
   * the store, since one of them may put back the record meanwhile. Records that are cached here are put back at once.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async dues(appid: string): Promise<void> {
    for (const ids of batches(this.#parts.own.taskIds(appid))) await this.#schedule(ids);
  }

  async #documents(ids: readonly string[], found: Found, lease: RegistrationLease): Promise<void> {
    const { store, history, own } = this.#parts;
    // The writes are queued, so that each checks the time of the lease when it is sent.
    const writing = new Semaphore(MAX_WRITING);
    let wanted = ids;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      wanted = wanted.filter((id) => own.has(id));
      if (wanted.length === 0) return;
      const stored = await store.get(wanted);
      // The documents that were read belong to the history that is confirmed here. In it another process may have
      // unregistered some of them, which it records under this lease.
      await history.check();
      if (history.generation !== found.generation) return;
      for (const id of wanted) if (history.hasUnregistered(id, own.marks(id))) own.forget(id);
      // All writes have settled before the lease is released, even if one fails.
      const settling = wanted.map((id, index) => writing.run(() => this.#document(id, stored[index], found, lease)));
      await allOf(settling);
      const settled = await Promise.all(settling);
      wanted = wanted.filter((_, index) => settled[index] === false);
    }
    throw contended(`the registration of ${lease.appid}`, { appid: lease.appid });
  }

  /**
   * Puts back a document.
   *
   * @returns whether it is settled, which it is not if another writer was faster.
   */
  async #document(
    id: string,
    stored: StoredDocument | undefined,
    found: Found,
    lease: RegistrationLease,
  ): Promise<boolean> {
    const { store, own, registry, reader, history } = this.#parts;
    const known = own.get(id);
    if (known === undefined) return true;
    const before = await opened(reader, stored, unseal);
    const content = before === undefined ? known.content : this.#content(id, known, before, found);
    let document = before?.found;
    if (before === undefined || canonicalJson(content) !== canonicalJson(before.content)) {
      const data = seal(id, content);
      const due = before?.found.due === undefined ? {} : { due: before.found.due };
      lease.assertHeld();
      const version = await store.set(id, data, before?.found.version ?? 0, due);
      if (version === undefined) return false;
      // An earlier state of the store, which lacks the document, must not be mistaken for the present one.
      history.notes.noteChange();
      document = { id, version, data };
    }
    // The version is meaningless if the history has changed since the write.
    if (document === undefined || history.generation !== found.generation) return true;
    own.note(id, content, document.version);
    if (registry.versionOf(id) !== undefined) await registry.adopt(document);
    return true;
  }

  /** Returns the new content of a document that the store has. */
  #content(id: string, known: OwnRegistration, stored: Opened, { replacement }: Found): JsonObject {
    if (replacement === 'backup') {
      const isOlder = !this.#parts.history.hasRegistered(id) && stored.found.version < known.version;
      return isOlder ? known.content : stored.content;
    }
    // A registration without a previous one to be added to may lack settings that this one has, such as the secret.
    return parseKey(id) === undefined ? { ...known.content, ...stored.content } : stored.content;
  }

  async #schedule(taskIds: readonly string[]): Promise<void> {
    const { store, own, clock } = this.#parts;
    const keys = taskIds.filter((id) => own.has(id)).map((id) => parseKey(id) as TokenKey);
    const notified = keys.filter((key) => 'notify' in (own.get(documentId('task', key))?.content ?? {}));
    const scheduled = [
      ...keys.map((key) => ({ key, id: documentId('key', key), lane: key.type })),
      ...notified.map((key) => ({ key, id: documentId('delivery', key), lane: DELIVERY_LANE })),
    ];
    const stored = await store.get(scheduled.map(({ id }) => id));
    const due = scheduled.map(async ({ key, id, lane }, index) => {
      if (stored[index] !== undefined) return;
      if (lane === DELIVERY_LANE)
        return void (await store.set(id, seal(id, {}), 0, { due: { lane, at: clock.now() } }));
      if (await this.#record(key)) return;
      // Another process may have cached the record, with a refresh token that nothing can replace, so the due leaves it
      // time to check the store.
      const lostAt = Math.round(clock.now());
      const at = lostAt + HOLDERS_LOOK_WITHIN_MS;
      await store.set(id, seal(id, { lostAt }), 0, { due: { lane, at } });
    });
    await Promise.all(due);
  }

  /** Puts back the record of a key. Returns whether it was put back. */
  async #record(key: TokenKey): Promise<boolean> {
    const { registry, records, restorer } = this.#parts;
    const held = records.cache.get(key);
    // The registration has not been put back, and the record must not be without it.
    if (registrationIds(key).some((id) => isLeftOver(registry, id))) return false;
    if (held === undefined || !records.displaced.has(held)) return false;
    await restorer.restore(held, NO_KEY_DOCUMENT);
    return records.cache.get(key) !== held;
  }
}
