import { FARTHEST_DUE_MS } from '../concurrency/time-limits.js';
import { dueOf, FUTURE_TOLERANCE_MS } from '../model/refresh-policy.js';
import type { Lease, StoredDocument } from '../model/store.js';
import { documentId, parseKey, registrationIds, type TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { DocumentReader } from '../store/document-reader.js';
import { heldBackUntil, type KeyDocument, nextDueAt, type RetryState, readKeyDocument } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import { checkRegistration } from '../store/registration-check.js';
import type { Storage } from '../store/storage.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/** Changes the stored due of a key when neither a grant nor a failure does. */
export class StoredDues {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #documents: KeyDocuments;
  readonly #clock: StoreClock;

  constructor({ store, reader, documents, clock }: Storage) {
    this.#store = store;
    this.#reader = reader;
    this.#documents = documents;
    this.#clock = clock;
  }

  /**
   * Defers a key after work that may have changed nothing. If the key is still due, its next due is `at`, or later if
   * its document says so.
   *
   * @param isTried - whether an attempt for the stale report has been made.
   * @param lease - released by the same write.
   * @param isOutdated - whether a failure was made with another input than the present one, so that it defers nothing.
   * @returns whether the document was written, and the lease released.
   */
  async postpone(
    key: TokenKey,
    at: number,
    isTried: boolean,
    lease?: Lease,
    isOutdated: (trying: RetryState) => boolean = () => false,
  ): Promise<boolean> {
    const stored = await this.#stored(key);
    const now = this.#clock.now();
    if (stored?.due !== undefined && stored.due.at > now && stored.due.at <= now + FARTHEST_DUE_MS) return false;
    if (stored === undefined && (await checkRegistration(this.#store, key, { hadTask: true })) === 'gone') return false;
    const found = await this.#reader.read(stored, readKeyDocument);
    const document = isTried ? { ...found, report: undefined } : found;
    const { trying } = document;
    const counting = trying !== undefined && isOutdated(trying) ? { ...document, trying: undefined } : document;
    return this.#write(key, document, Math.max(at, nextDueAt(counting, this.#clock.now())), lease);
  }

  /** Makes a key due now that has failed or was deferred, because the obstacle to its attempts is gone. */
  async makeDueNow(key: TokenKey): Promise<void> {
    await this.#makeDueIfHeldBack(key, await this.#stored(key));
  }

  /**
   * Moves the stored due of a record to an earlier instant. The clock was set back since the due was stored, so the
   * refresh would come too late. A record that another process has deferred or replaced is left as it is.
   */
  async bringForward({ key, version, storedDueAt }: CachedRecord, at: number): Promise<void> {
    const stored = await this.#stored(key);
    if (stored?.due === undefined || stored.due.at <= at + FUTURE_TOLERANCE_MS) return;
    const document = await this.#reader.read(stored, readKeyDocument);
    const { grant, recordVersion } = document;
    if (grant === undefined || recordVersion !== version || grant.dueAt !== storedDueAt) return;
    const moved = { ...document, grant: { ...grant, dueAt: Math.round(at) } };
    await this.#write(key, moved, Math.max(at, heldBackUntil(document.trying, this.#clock.now())));
  }

  /** Returns whether the store may have lost one of these documents, which were found missing. */
  async #isLost(ids: readonly string[]): Promise<boolean> {
    for (const id of ids) if ((await this.#store.judgeAbsence(id)) !== 'deleted') return true;
    return false;
  }

  /** Makes every key of an app due whose attempts are held back by a failure. */
  async makeAllDueNow(appid: string): Promise<void> {
    for await (const stored of this.#store.list(`key/${appid}`)) {
      const key = parseKey(stored.id);
      if (key !== undefined) await this.#makeDueIfHeldBack(key, stored);
    }
  }

  /**
   * Removes a key without a task from the schedule, and deletes the documents that an unregistered app has left, except
   * one with a refresh token: if the document of the app was only damaged or evicted, that token is the only valid one.
   *
   * @returns whether the key has no task.
   */
  async remove(key: TokenKey, { document }: Lease): Promise<boolean> {
    const ids = registrationIds(key);
    const found = await this.#store.get(ids);
    const [app, task] = found;
    if (app !== undefined && task !== undefined) return false;
    if (await this.#isLost(ids.filter((_id, index) => found[index] === undefined))) return false;
    if (document === undefined) return true;
    const left = await this.#reader.read(document, readKeyDocument);
    if (app === undefined && left.rotation?.token === undefined) await this.#store.delete(document.id, left.version);
    else if (left.version !== 0) {
      const unscheduled = { ...left, isScheduled: false };
      await this.#documents.save(key, unscheduled, { hadTask: false, dueAt: 0 });
    }
    return true;
  }

  async #makeDueIfHeldBack(key: TokenKey, stored: StoredDocument | undefined): Promise<void> {
    const now = this.#clock.now();
    if (stored?.due === undefined || stored.due.at <= now) return;
    const document = await this.#reader.read(stored, readKeyDocument);
    const { grant, trying } = document;
    const isHeldBack = trying !== undefined || grant === undefined || dueOf(grant, now) <= now;
    if (isHeldBack) await this.#write(key, document, now);
  }

  async #stored(key: TokenKey): Promise<StoredDocument | undefined> {
    return (await this.#store.get([documentId('key', key)]))[0];
  }

  /** Writes the document with the due `at`. Returns `false` after a concurrent write, which has set the due itself. */
  async #write(key: TokenKey, document: KeyDocument, at: number, lease?: Lease): Promise<boolean> {
    const version = await this.#documents.save(key, document, { hadTask: true, dueAt: Math.round(at), lease });
    return version !== undefined;
  }
}
