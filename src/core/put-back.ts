import { batches } from './batches.js';
import { seal, unseal } from './document-codec.js';
import type { DocumentReader } from './document-reader.js';
import { NO_KEY_DOCUMENT } from './key-document.js';
import { isLeftOver } from './left-overs.js';
import type { OwnRegistrations } from './own-registrations.js';
import type { Records } from './records.js';
import type { Registrar } from './registrar.js';
import type { Registry } from './registry.js';
import type { StoredDocument } from './store.js';
import type { StoreClock } from './store-clock.js';
import type { StoreFollower } from './store-follower.js';
import type { Replacement, StoreHistory } from './store-history.js';
import type { SupervisedStore } from './supervised-store.js';
import {
  appDocumentId,
  appidOf,
  DELIVERY_LANE,
  documentId,
  parseKey,
  registrationIds,
  type TokenKey,
} from './token-key.js';

export interface PutBackParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly registrar: Registrar;
  readonly records: Records;
  readonly own: OwnRegistrations;
  readonly history: StoreHistory;
  readonly follower: StoreFollower;
  /** Whether what is due stands in the store alone. */
  readonly isShared: boolean;
}

/** Puts back into a store that was replaced what this process has registered itself, where the store lacks it. */
export class PutBack {
  readonly #parts: PutBackParts;

  constructor(parts: PutBackParts) {
    this.#parts = parts;
  }

  /**
   * Puts back an app: its tasks, then the app itself, as a registration does, and then what makes the tasks due.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`. It may be repeated: what is there by then is left alone.
   */
  async app(appid: string, replacement: Replacement): Promise<void> {
    const { own, registrar, isShared } = this.#parts;
    const appId = appDocumentId(appid);
    const tasks = [...own.of(appid).keys()].filter((id) => id !== appId);
    for (const ids of [...batches(tasks), [appId]]) {
      await registrar.exclusively(appid, () => this.#documents(ids, replacement));
    }
    if (isShared) for (const ids of batches(tasks)) await this.#schedule(ids);
  }

  async #documents(ids: readonly string[], replacement: Replacement): Promise<void> {
    const { store, history, own } = this.#parts;
    // Another process may have unregistered them in the new history, which it notes under this lease.
    await history.look();
    for (const id of ids) if (history.hasUnregistered(id)) own.forget(id);
    const wanted = ids.filter((id) => own.has(id));
    const stored = await store.get(wanted);
    await Promise.all(wanted.map((id, index) => this.#document(id, stored[index], replacement)));
  }

  async #document(id: string, stored: StoredDocument | undefined, replacement: Replacement): Promise<void> {
    const { store, own, history, registry, reader } = this.#parts;
    const known = own.of(appidOf(id)).get(id);
    if (known === undefined) return;
    const isOlder = replacement === 'backup' && !history.hasRegistered(id) && (stored?.version ?? 0) < known.version;
    let document = stored;
    if (stored === undefined || isOlder) {
      const data = seal(id, known.content);
      const due = stored?.due === undefined ? {} : { due: stored.due };
      const version = await store.set(id, data, stored?.version ?? 0, due);
      if (version === undefined) return this.#document(id, (await store.get([id]))[0], replacement);
      document = { id, version, data };
    }
    if (document === undefined) return;
    const content = await reader.read(document, (found) => (found === undefined ? undefined : unseal(found)));
    if (content !== undefined) own.note(id, content, document.version);
    if (registry.versionOf(id) !== undefined) await registry.adopt(document);
  }

  /** Makes tasks due that the schedule of the fleet has lost; a record that is held says when. */
  async #schedule(taskIds: readonly string[]): Promise<void> {
    const { store, own, clock } = this.#parts;
    const keys = taskIds.filter((id) => own.has(id)).map((id) => parseKey(id) as TokenKey);
    const notified = keys.filter((key) => 'notify' in (own.of(key.appid).get(documentId('task', key))?.content ?? {}));
    const scheduled = [
      ...keys.map((key) => ({ key, id: documentId('key', key), lane: key.type })),
      ...notified.map((key) => ({ key, id: documentId('delivery', key), lane: DELIVERY_LANE })),
    ];
    const stored = await store.get(scheduled.map(({ id }) => id));
    const due = scheduled.map(async ({ key, id, lane }, index) => {
      if (stored[index] !== undefined) return;
      if (lane !== DELIVERY_LANE && (await this.#record(key))) return;
      await store.set(id, seal(id, {}), 0, { due: { lane, at: clock.now() } });
    });
    await Promise.all(due);
  }

  /** Returns whether a record of the key was put back. */
  async #record(key: TokenKey): Promise<boolean> {
    const { registry, records, follower } = this.#parts;
    const held = records.cache.get(key);
    // A record whose registration is left over, and a read that is under way, may wait for this very work.
    if (registrationIds(key).some((id) => isLeftOver(registry, id))) return false;
    if (held === undefined || !records.isDisplaced(held)) return false;
    await follower.restore(held, NO_KEY_DOCUMENT);
    return records.cache.get(key) !== held;
  }
}
