import { FARTHEST_DUE_MS, HOLDERS_LOOK_WITHIN_MS } from '../concurrency/time-limits.js';
import type { StoredDocument } from '../model/store.js';
import { DELIVERY_LANE, keyIn, type TokenKey } from '../model/token-key.js';
import { allOf } from '../primitives/all-of.js';
import { batches } from '../primitives/batches.js';
import {
  dueContent,
  type ScheduledDocument,
  type ScheduledTask,
  scheduledDocuments,
} from '../registry/registration-content.js';
import { seal } from '../store/document-codec.js';
import type { DocumentReader } from '../store/document-reader.js';
import { nextDueAt, readKeyDocument } from '../store/key-document.js';
import { checkRegistration } from '../store/registration-check.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { ClaimLoop } from './claim-loop.js';

/**
 * The largest difference that is tolerated between the due of a key and its document: processes that cannot refresh a
 * key now defer it by less.
 */
const TOLERANCE_MS = 120_000;

/**
 * Makes tasks due again that the schedule of a fleet has lost or would find too late. A due is lost if the document
 * with it, or the index that the store keeps of dues, was deleted or evicted. It is too late if it was written before
 * the clock was set back.
 */
export class DueRepair {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #clock: StoreClock;
  readonly #schedule: Pick<ClaimLoop, 'isHandedOut'>;

  constructor(
    store: SupervisedStore,
    reader: DocumentReader,
    clock: StoreClock,
    schedule: Pick<ClaimLoop, 'isHandedOut'>,
  ) {
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
    this.#schedule = schedule;
  }

  /**
   * Reads the dues of these tasks, a batch in one round trip, and corrects missing or late ones, each by
   * compare-and-set.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async mend(tasks: readonly ScheduledTask[]): Promise<void> {
    for (const batch of batches(tasks)) {
      const scheduled = scheduledDocuments(batch);
      const stored = await this.#store.get(scheduled.map(({ id }) => id));
      await allOf(scheduled.map((document, index) => this.#mendOne(document, stored[index])));
    }
  }

  async #mendOne({ id, lane }: ScheduledDocument, stored: StoredDocument | undefined): Promise<void> {
    const at = await this.#wantedAt(lane, stored);
    if (at === undefined) return;
    const key = (keyIn('key', id) ?? keyIn('delivery', id)) as TokenKey;
    if (!(await this.#isRegistered(key))) return;
    const due = { lane, at: Math.round(at) };
    const isRecord = lane !== DELIVERY_LANE;
    const lostAt = Math.round(this.#clock.now());
    const data = stored === undefined && isRecord ? seal(id, { lostAt }) : dueContent(id, stored, due, true).data;
    const version = await this.#store.set(id, data, stored?.version ?? 0, { due });
    const isNew = version !== undefined && stored === undefined;
    // An unregistration that ran meanwhile has found nothing to delete.
    if (isNew && !(await this.#isRegistered(key))) await this.#store.delete(id, version);
  }

  /** Returns the new due of a document whose due is missing or too late; `undefined` for any other document. */
  async #wantedAt(lane: string, stored: StoredDocument | undefined): Promise<number | undefined> {
    const now = this.#clock.now();
    const isDelivery = lane === DELIVERY_LANE;
    // The delay lets a process that has the record in memory put it back, with a refresh token that nothing can
    // replace.
    if (stored === undefined) return isDelivery ? now : now + HOLDERS_LOOK_WITHIN_MS;
    const { due } = stored;
    const isFarAhead = due !== undefined && due.at > now + TOLERANCE_MS && due.at <= now + FARTHEST_DUE_MS;
    // A claim has found nothing left in the lane although this key was due: the store has lost it from its index.
    const isOverlooked =
      due !== undefined && due.at < now - TOLERANCE_MS && this.#schedule.isHandedOut(lane, TOLERANCE_MS);
    if (due !== undefined && !isOverlooked && (isDelivery || !isFarAhead)) return undefined;
    if (isDelivery) return now;
    // An unreadable document concerns its own key only, and is left as it is.
    const document = await this.#reader.read(stored, readKeyDocument).catch(() => undefined);
    if (document === undefined) return undefined;
    const justifiedAt = Math.max(now, nextDueAt(document, now));
    return due === undefined || isOverlooked || due.at > justifiedAt + TOLERANCE_MS ? justifiedAt : undefined;
  }

  async #isRegistered(key: TokenKey): Promise<boolean> {
    return (await checkRegistration(this.#store, key, { hadTask: true })) === 'same';
  }
}
