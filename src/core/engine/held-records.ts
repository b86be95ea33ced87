import type { Clock } from '../concurrency/clock.js';
import { marksOf } from '../model/enrolment.js';
import { appDocumentId, documentId, type TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import { latestRevocation } from '../records/earlier-tokens.js';
import { newestRotation } from '../records/newest-rotation.js';
import type { RecordListener } from '../records/record-changes.js';
import type { RecordRestorer } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import { registrationLost } from '../refresh/missing-inputs.js';
import { isLeftOver, remainsLeftOver } from '../registry/left-overs.js';
import type { Registry } from '../registry/registry.js';
import type { Absence } from '../store/absence.js';
import { isAbsent, type KeyDocument, type StoredGrant } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import type { StoreHistory } from '../store/store-history.js';
import type { SupervisedStore } from '../store/supervised-store.js';

export interface HeldRecordsParts {
  readonly store: SupervisedStore;
  readonly documents: KeyDocuments;
  readonly registry: Registry;
  readonly records: Records;
  readonly clock: Pick<Clock, 'now'>;
  readonly history: Pick<StoreHistory, 'check'>;
  /** The listener that is notified of records that have been put back. */
  readonly changes: Pick<RecordListener, 'changed'>;
}

/** Writes cached records back to a store that has lost them or has older ones. */
export class HeldRecords implements RecordRestorer {
  readonly #parts: HeldRecordsParts;

  constructor(parts: HeldRecordsParts) {
    this.#parts = parts;
  }

  /**
   * Puts back the cached record before a refresh uses an older one, since a refresh from an older record would send an
   * outdated refresh token.
   *
   * @returns whether that has changed the document.
   * @throws InputMissing while a cached refresh token cannot be put back, because the store was replaced and lacks the
   *   app.
   */
  async restoreNewer(key: TokenKey, document: KeyDocument): Promise<boolean> {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    if (held === undefined) return false;
    if (held.isStored) {
      const isOlder = held.version > document.recordVersion || records.overtakes(held, document);
      if (document.grant !== undefined && !isOlder) return false;
      // If no refresh token can be lost, an unavailable store does not prevent the refresh.
      const absence = isAbsent(document) ? await this.#judgeAbsence(held) : 'lost';
      if (absence === 'restored') return true;
      if (absence === undefined) return false;
    }
    const isDisplaced = records.displaced.has(held);
    // A record that was deleted on purpose stays deleted, and the write of a pending grant is retried independently.
    if (!isDisplaced && (!held.isStored || isAbsent(document))) return false;
    await this.restore(held, document);
    const isKeptBack = records.cache.get(key) === held && records.displaced.has(held) && held.rotation !== undefined;
    if (isKeptBack && isAbsent(document)) {
      if (this.#lacksApp(key)) throw registrationLost(key);
      // Another process was faster.
      return true;
    }
    return (!isDisplaced && document.grant !== undefined) || records.cache.get(key) !== held;
  }

  /**
   * Returns the reason why a record is absent; `undefined` if it is unknown. Rejects if it is unknown and a refresh
   * token is at stake.
   */
  async #judgeAbsence({ key, rotation }: CachedRecord): Promise<Absence | undefined> {
    try {
      return await this.#parts.store.judgeAbsence(documentId('key', key));
    } catch (error) {
      if (rotation !== undefined) throw error;
      return undefined;
    }
  }

  /**
   * Puts back the cached record if the store has an older one, after a failover or a replacement, unless another
   * process was faster.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async restore(held: CachedRecord, document: KeyDocument): Promise<void> {
    const { records, registry, history } = this.#parts;
    const { key } = held;
    const isHeld = (): boolean => records.cache.get(key) === held;
    if (!held.isStored && !records.displaced.has(held)) return;
    const { generation } = records.displaced;
    // Versions can only be compared within one history, so the history is checked first.
    await history.check();
    // If the check has just found a replacement, the recovery reads the document again.
    if (!isHeld() || records.displaced.generation !== generation) return;
    if (records.displaced.has(held)) {
      // The new store would keep the record without its app, so it is put back only when the app is.
      if (isLeftOver(registry, appDocumentId(key.appid))) await remainsLeftOver(registry, key);
      if (this.#lacksApp(key) || !isHeld()) return;
    }
    await this.#reinstate(held, document);
  }

  /** Returns whether the store lacks the app of this key, as a store that has replaced another may. */
  #lacksApp({ appid }: TokenKey): boolean {
    const { registry } = this.#parts;
    return !registry.hasApp(appid) || isLeftOver(registry, appDocumentId(appid));
  }

  /**
   * Merges the cached and the stored record by age, because a store that was set back assigns its versions again. A
   * cached refresh token is stored with the cached record, or beside a newer stored one that has none or an older one.
   * The stored result becomes current, with its version there.
   */
  async #reinstate(held: CachedRecord, document: KeyDocument): Promise<void> {
    const { documents, records, registry, changes } = this.#parts;
    const { key } = held;
    const { grant: stored } = document;
    const { rotation: heldRotation } = held;
    const ours = records.grantOf(held);
    const enrolment = registry.enrolment(key);
    const marks = records.displaced.marksOf(held) ?? marksOf(enrolment);
    const { hidden } = document;
    const isNewerThanShown =
      stored === undefined
        ? hidden === undefined || !records.isObtainedAfter(hidden, ours)
        : records.isObtainedAfter(ours, stored);
    const rotation = newestRotation(document.rotation, heldRotation, isNewerThanShown, this.#parts.clock.now());
    // At the same instant the cached record wins, because `restore` is called only if its version is higher or its
    // refresh token newer. It does not win if it is displaced, since its version means nothing then, or if the stored
    // record has a newer refresh token.
    const isTie = ours.obtainedAt === stored?.obtainedAt && ours.value !== stored.value;
    const winsTie = isTie && !records.displaced.has(held) && rotation?.token === held.rotation?.token;
    const isNewer = isNewerThanShown || winsTie;
    const isOfUse = held.rotation !== undefined || records.leftMs(held) > 0;
    if (stored === undefined && !(isNewer && isOfUse)) return;
    const isOurs = isNewer && isOfUse;
    const grant = isOurs ? ours : (stored as StoredGrant);
    const revokedAt = latestRevocation(document.revokedAt, held.revokedAt);
    let next: KeyDocument = { ...document, enrolment: marks, rotation, revokedAt };
    if (isOurs || rotation !== document.rotation) {
      // The failure belongs to the refresh tokens that were stored then, while one in reserve may be valid.
      const trying = rotation === document.rotation ? document.trying : undefined;
      const saving = { hadTask: enrolment.hadTask, dueAt: grant.dueAt };
      const version = isOurs
        ? await documents.saveGrant(key, next, grant, saving)
        : await documents.save(key, { ...next, trying }, saving);
      if (version === undefined || records.cache.get(key) !== held) return;
      // A refresh token was put meanwhile. It is put back at the next check, and must stay cached until then.
      if (held.rotation !== heldRotation) return;
      next = { ...next, version, recordVersion: isOurs ? version : document.recordVersion };
    }
    records.adopt(key, next, grant, { source: 'store', announceFirst: false, inPlaceOf: held });
    changes.changed(key);
  }
}
