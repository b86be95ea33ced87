import { Semaphore } from '../concurrency/semaphore.js';
import type { Closing } from '../model/closing.js';
import type { StoredDocument } from '../model/store.js';
import { allOf } from '../primitives/all-of.js';
import { canonicalJson } from '../primitives/checksum.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended } from '../store/write-errors.js';
import { type Content, dueContent, hasFailedBefore, type ScheduledDocument } from './registration-content.js';
import type { RegistrationLease } from './registration-lease.js';

/** A document of a registration and the decision on its new content. */
export interface Target {
  readonly id: string;
  /** Decides on the new content from the stored document, and again after another writer was faster. */
  decide(stored: StoredDocument | undefined): Promise<Decision>;
}

export interface Decision extends Content {
  /** The document that is replaced; `undefined` if none is stored, or the stored one has been moved aside. */
  readonly before: StoredDocument | undefined;
}

/** The state of a document after a registration. */
export interface Settled {
  readonly id: string;
  readonly before: StoredDocument | undefined;
  readonly data: Content['data'];
  readonly due?: Content['due'];
  readonly version: number;
  /** Whether the document was written, so that it has to be rolled back with the others. */
  readonly isWritten: boolean;
  /** The mark of a write during which the store failed, so that it may or may not have been made. */
  readonly isUncertain?: true;
}

/** A target with its first decision. */
export type Decided = readonly [target: Target, decision: Decision];

/** The number of concurrent writes. Thousands at once would queue until the store counts as unavailable. */
const MAX_WRITING = 16;
/** The number of documents that every store reads within the time of one command. */
const READ_TOGETHER = 256;
const MAX_ROUNDS = 10;

/** Reads and writes the documents of registrations, each by compare-and-set, within the time of a lease. */
export class RegistrationWriter {
  readonly #store: SupervisedStore;
  readonly #closing: Closing;
  readonly #writing = new Semaphore(MAX_WRITING);

  constructor(store: SupervisedStore, closing: Closing) {
    this.#store = store;
    this.#closing = closing;
  }

  /**
   * Reads documents, as many at once as one command permits.
   *
   * @param lease - the lease under which they are read; `undefined` if nothing is to be written afterwards.
   */
  async read(
    ids: readonly string[],
    lease: RegistrationLease | undefined,
  ): Promise<ReadonlyMap<string, StoredDocument>> {
    const found = new Map<string, StoredDocument>();
    for (let first = 0; first < ids.length; first += READ_TOGETHER) {
      lease?.assertTime();
      const documents = await this.#store.get(ids.slice(first, first + READ_TOGETHER));
      for (const document of documents) if (document !== undefined) found.set(document.id, document);
    }
    return found;
  }

  /**
   * Writes the documents that differ. If another writer was faster with a document, only that one is read and decided
   * again.
   *
   * @param settled - collects the written documents, even if the write fails later.
   */
  async write(decided: readonly Decided[], lease: RegistrationLease, settled: Settled[]): Promise<void> {
    await allOf(
      decided.map(async ([target, decision]) => {
        await this.#writeOne(target, decision, lease, settled);
      }),
    );
  }

  /**
   * Rolls back the written documents, except those that were changed since. A write with an unknown result counts as
   * made if its data is stored. Failed commands are retried; documents remain once the lease no longer covers the work.
   */
  async undo(settled: readonly Settled[], lease: RegistrationLease): Promise<void> {
    let left = settled.filter(({ isWritten, isUncertain }) => isWritten || isUncertain);
    for (let round = 0; round < MAX_ROUNDS && left.length > 0 && lease.isHeld; round++) {
      const refused: Settled[] = [];
      await allOf(
        left.map((one) =>
          this.#writing.run(async () => {
            if (lease.isHeld) await this.#takeBack(one).catch(() => void refused.push(one));
          }),
        ),
      );
      left = refused;
    }
  }

  async #takeBack(one: Settled): Promise<void> {
    const { id, before } = one;
    const version = one.isUncertain ? await this.#versionOf(one) : one.version;
    if (version === undefined) return;
    if (before === undefined) await this.#store.delete(id, version);
    else await this.#store.set(id, before.data, version, dueOption(before.due));
  }

  /** Returns the version under which the data of a write is stored; `undefined` if it is not. */
  async #versionOf({ id, before, data, due }: Settled): Promise<number | undefined> {
    const [document] = await this.#store.get([id]);
    if (document === undefined || document.version === before?.version) return undefined;
    const isOurs = canonicalJson(document.data) === canonicalJson(data) && isSameDue(document.due, due);
    return isOurs ? document.version : undefined;
  }

  /**
   * Deletes documents.
   *
   * @param isGone - whether the app is not registered; then documents that were changed since they were listed are
   *   deleted too.
   */
  async deleteAll(
    documents: readonly Pick<StoredDocument, 'id' | 'version'>[],
    isGone: boolean,
    lease: RegistrationLease,
  ): Promise<void> {
    await allOf(
      documents.map(({ id, version }) =>
        this.#writing.run(async () => {
          lease.assertHeld();
          if (!(await this.#store.delete(id, version)) && isGone) await this.deleteOne(id, lease);
        }),
      ),
    );
  }

  /** Deletes a document regardless of changes since. */
  async deleteOne(id: string, lease: RegistrationLease): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      lease.assertHeld();
      const [document] = await this.#store.get([id]);
      if (document === undefined || (await this.#store.delete(id, document.version))) return;
    }
    throw contended(id, { appid: lease.appid });
  }

  async #writeOne(target: Target, first: Decision, lease: RegistrationLease, settled: Settled[]): Promise<void> {
    const { id } = target;
    let decision = first;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const kept = keptDocument(id, decision);
      const { data, due, differs } = decision;
      const expected = kept.version;
      if (!differs) return void settled.push(kept);
      const version = await this.#writing.run(async () => {
        lease.assertTime();
        try {
          return await this.#store.set(id, data, expected, dueOption(due));
        } catch (error) {
          settled.push({ ...kept, isUncertain: true });
          throw error;
        }
      });
      if (version !== undefined) return void settled.push({ ...kept, version, isWritten: true });
      this.#closing.assertOpen();
      const [document] = await this.#store.get([id]);
      decision = await target.decide(document);
    }
    throw contended(`the registration of ${lease.appid}`, { appid: lease.appid });
  }
}

/** Returns a document as it is before anything is written. */
export function keptDocument(id: string, { before, data, due }: Decision): Settled {
  return { id, before, data, due, version: before?.version ?? 0, isWritten: false };
}

/** Opens a stored document for a decision. A damaged one is moved aside and counts as absent. */
export function opened<Found>(
  reader: DocumentReader,
  stored: StoredDocument | undefined,
  open: (found: StoredDocument) => Found,
): Promise<{ readonly found: StoredDocument; readonly content: Found } | undefined> {
  return reader.read(stored, (found) => (found === undefined ? undefined : { found, content: open(found) }));
}

/** Returns whether a stored due is the one that was written, since a store may round to whole milliseconds. */
function isSameDue(stored: Content['due'], written: Content['due']): boolean {
  if (stored === undefined || written === undefined) return stored === written;
  return stored.lane === written.lane && Math.abs(stored.at - written.at) < 1;
}

function dueOption(due: Content['due']): { readonly due?: NonNullable<Content['due']> } {
  return due === undefined ? {} : { due };
}

/**
 * Returns the target that makes a task due.
 *
 * @param registration - the versions of the app and the task, by which a failure with an earlier input is known: an
 *   earlier call may have written the task without making it due.
 */
export function dueTarget(
  { id, lane }: ScheduledDocument,
  at: number,
  isTaskChanged: boolean,
  registration: string,
): Target {
  return {
    id,
    decide: async (before): Promise<Decision> => {
      const isChanged = isTaskChanged || hasFailedBefore(before, registration);
      return { before, ...dueContent(id, before, { lane, at }, isChanged) };
    },
  };
}
