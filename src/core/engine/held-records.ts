import type { Clock } from '../concurrency/clock.js';
import { marksOf } from '../model/enrolment.js';
import { appDocumentId, documentId, type TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import { newestRotation } from '../records/newest-rotation.js';
import type { RecordListener } from '../records/record-changes.js';
import type { RecordRestorer } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import { isOfAnotherStore } from '../refresh/unmet-needs.js';
import { isLeftOver, remainsLeftOver } from '../registry/left-overs.js';
import type { Registry } from '../registry/registry.js';
import { isAbsent, type KeyDocument, type StoredGrant } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import type { StoreHistory } from '../store/store-history.js';
import type { Absence, SupervisedStore } from '../store/supervised-store.js';

export interface HeldRecordsParts {
  readonly store: SupervisedStore;
  readonly documents: KeyDocuments;
  readonly registry: Registry;
  readonly records: Records;
  readonly clock: Pick<Clock, 'now'>;
  readonly history: Pick<StoreHistory, 'check'>;
  /** Hears of the records that have been put back. */
  readonly changes: Pick<RecordListener, 'changed'>;
}

/** Puts records that this process holds back into a store that has lost them, or shows older ones. */
export class HeldRecords implements RecordRestorer {
  readonly #parts: HeldRecordsParts;

  constructor(parts: HeldRecordsParts) {
    this.#parts = parts;
  }

  /**
   * Puts back the held record before a refresh works with an older one: nothing is done from that, least of all is its refresh
   * token sent.
   *
   * @returns whether the document has changed by that.
   * @throws NeedMissing while a refresh token that is held cannot be put back, because the store was replaced and lacks the app.
   */
  async restoreNewer(key: TokenKey, document: KeyDocument): Promise<boolean> {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    if (held === undefined) return false;
    if (held.isStored) {
      const isOlder = held.version > document.recordVersion || records.overtakes(held, document);
      if (document.grant !== undefined && !isOlder) return false;
      // Where there is no refresh token to lose, a refresh may do without the store.
      const absence = isAbsent(document) ? await this.#judgeAbsence(held) : 'lost';
      if (absence === 'restored') return true;
      if (absence === undefined) return false;
    }
    const isDisplaced = records.isDisplaced(held);
    // What was deleted on purpose stays so, and what no store has taken is offered to it by itself.
    if (!isDisplaced && (!held.isStored || isAbsent(document))) return false;
    await this.restore(held, document);
    const isKeptBack = records.cache.get(key) === held && records.isDisplaced(held) && held.rotation !== undefined;
    if (isKeptBack && isAbsent(document)) {
      if (this.#lacksApp(key)) throw isOfAnotherStore(key);
      // Another process was faster.
      return true;
    }
    return (!isDisplaced && document.grant !== undefined) || records.cache.get(key) !== held;
  }

  /** Returns what the absence of a record means, `undefined` where that cannot be told; rejects where too much hangs on it. */
  async #judgeAbsence({ key, rotation }: CachedRecord): Promise<Absence | undefined> {
    try {
      return await this.#parts.store.judgeAbsence(documentId('key', key));
    } catch (error) {
      if (rotation !== undefined) throw error;
      return undefined;
    }
  }

  /**
   * Puts back the held record where the store shows an older one, after a failover or because it was replaced, unless another
   * process was faster.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async restore(held: CachedRecord, document: KeyDocument): Promise<void> {
    const { records, registry, history } = this.#parts;
    const { key } = held;
    const isHeld = (): boolean => records.cache.get(key) === held;
    if (!held.isStored && !records.isDisplaced(held)) return;
    const { generation } = records;
    // The versions of two histories say nothing of each other.
    await history.check();
    // The document of a store that was found to be replaced just now is read again by the recovery.
    if (!isHeld() || records.generation !== generation) return;
    if (records.isDisplaced(held)) {
      // Without its app it would be left behind there: it is put back when the app is.
      if (isLeftOver(registry, appDocumentId(key.appid))) await remainsLeftOver(registry, key);
      if (this.#lacksApp(key) || !isHeld()) return;
    }
    await this.#reinstate(held, document);
  }

  /** Returns whether the store that took the place of another has not shown the app of this key so far. */
  #lacksApp({ appid }: TokenKey): boolean {
    const { registry } = this.#parts;
    return !registry.hasApp(appid) || isLeftOver(registry, appDocumentId(appid));
  }

  /**
   * Brings together the held record and the one that the store shows, by age, because a store that was set back gives its
   * versions again. A refresh token that is held goes with the record, or beside the newer one that is there, if that has none
   * or an older one. What is stored then is in force, under the version that it has there.
   */
  async #reinstate(held: CachedRecord, document: KeyDocument): Promise<void> {
    const { documents, records, registry, changes } = this.#parts;
    const { key } = held;
    const { grant: stored } = document;
    const { rotation: heldRotation } = held;
    const ours = records.grantOf(held);
    const enrolment = registry.enrolment(key);
    const marks = records.marksOfDisplaced(held) ?? marksOf(enrolment);
    const { hidden } = document;
    const isNewerThanShown =
      stored === undefined
        ? hidden === undefined || !records.isObtainedAfter(hidden, ours)
        : records.isObtainedAfter(ours, stored);
    const rotation = newestRotation(document.rotation, heldRotation, isNewerThanShown, this.#parts.clock.now());
    // At the same instant the held record wins, because `restore` is called only where its version is higher or its refresh
    // token newer, unless it is displaced, which makes versions meaningless, or the stored record has a newer refresh token.
    const isTie = ours.obtainedAt === stored?.obtainedAt && ours.value !== stored.value;
    const winsTie = isTie && !records.isDisplaced(held) && rotation?.token === held.rotation?.token;
    const isNewer = isNewerThanShown || winsTie;
    const isOfUse = held.rotation !== undefined || records.leftMs(held) > 0;
    if (stored === undefined && !(isNewer && isOfUse)) return;
    const isOurs = isNewer && isOfUse;
    const grant = isOurs ? ours : (stored as StoredGrant);
    let next: KeyDocument = { ...document, enrolment: marks, rotation };
    if (isOurs || rotation !== document.rotation) {
      // A failure was one of the refresh tokens that were stored then: one in reserve may be the good one.
      const trying = rotation === document.rotation ? document.trying : undefined;
      const saving = { hadTask: enrolment.hadTask, dueAt: grant.dueAt };
      const version = isOurs
        ? await documents.saveGrant(key, next, grant, saving)
        : await documents.save(key, { ...next, trying }, saving);
      if (version === undefined || records.cache.get(key) !== held) return;
      // A refresh token that was put meanwhile goes back with the next look, and must not be forgotten until then.
      if (held.rotation !== heldRotation) return;
      next = { ...next, version, recordVersion: isOurs ? version : document.recordVersion };
    }
    records.adopt(key, next, grant, { source: 'store', announceFirst: false, inPlaceOf: held });
    changes.changed(key);
  }
}
