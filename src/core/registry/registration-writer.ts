import { Semaphore } from '../concurrency/semaphore.js';
import type { Closing } from '../model/closing.js';
import type { StoredDocument } from '../model/store.js';
import { allOf } from '../primitives/all-of.js';
import { canonicalJson } from '../primitives/checksum.js';
import type { DocumentReader } from '../store/document-reader.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended } from '../store/write-errors.js';
import { type Content, dueContent, type ScheduledDocument } from './registration-content.js';
import type { RegistrationLease } from './registration-lease.js';

/** A document of a registration, and what it is to become. */
export interface Target {
  readonly id: string;
  /** Decides by what is stored, and again when another writer was first. */
  decide(stored: StoredDocument | undefined): Promise<Decision>;
}

export interface Decision extends Content {
  /** The document that is replaced; `undefined` where none is stored, or the stored one has been moved aside. */
  readonly before: StoredDocument | undefined;
}

/** A document as a registration has left it. */
export interface Settled {
  readonly id: string;
  readonly before: StoredDocument | undefined;
  readonly data: Content['data'];
  readonly due?: Content['due'];
  readonly version: number;
  /** Whether it was written, and so has to be taken back with the rest. */
  readonly isWritten: boolean;
  /** The store failed while it was written, so it may have been, too. */
  readonly isUncertain?: true;
}

/** A target with its first decision. */
export type Decided = readonly [target: Target, decision: Decision];

/** Thousands of documents at once must not wait behind one another until the store counts as gone. */
const MAX_WRITING = 16;
/** So many documents are read within the time of a command by every store. */
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

  /** Reads documents, as many at a time as a command can. */
  async read(ids: readonly string[], lease: RegistrationLease): Promise<ReadonlyMap<string, StoredDocument>> {
    const found = new Map<string, StoredDocument>();
    for (let first = 0; first < ids.length; first += READ_TOGETHER) {
      lease.assertTime();
      const documents = await this.#store.get(ids.slice(first, first + READ_TOGETHER));
      for (const document of documents) if (document !== undefined) found.set(document.id, document);
    }
    return found;
  }

  /**
   * Writes what differs. A document that another writer was first to change is read and decided again, and no other.
   *
   * @param settled - gets what has been done, also when the rest fails.
   */
  async write(decided: readonly Decided[], lease: RegistrationLease, settled: Settled[]): Promise<void> {
    await allOf(
      decided.map(async ([target, decision]) => {
        await this.#writeOne(target, decision, lease, settled);
      }),
    );
  }

  /**
   * Takes back what was written, and nothing that was changed since. A write that the store failed to answer counts as made
   * where its data is there. What the store refuses is repeated; what the lease does not cover any more stays.
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

  /** Returns the version under which the data of a write is stored; `undefined` where it is not. */
  async #versionOf({ id, before, data, due }: Settled): Promise<number | undefined> {
    const [document] = await this.#store.get([id]);
    if (document === undefined || document.version === before?.version) return undefined;
    const isOurs = canonicalJson(document.data) === canonicalJson(data) && isSameDue(document.due, due);
    return isOurs ? document.version : undefined;
  }

  /**
   * Deletes documents.
   *
   * @param isGone - whether the app is not registered: then also what was changed since it was listed is deleted.
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

  /** Deletes a document, whatever has become of it. */
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
      const { before, data, due, differs } = decision;
      const expected = before?.version ?? 0;
      const kept: Settled = { id, before, data, due, version: expected, isWritten: false };
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

/** Opens a stored document for a decision; one that is damaged is moved aside, and counts as absent. */
export function opened<Found>(
  reader: DocumentReader,
  stored: StoredDocument | undefined,
  open: (found: StoredDocument) => Found,
): Promise<{ readonly found: StoredDocument; readonly content: Found } | undefined> {
  return reader.read(stored, (found) => (found === undefined ? undefined : { found, content: open(found) }));
}

/** Returns whether a due is the one that was written: a store may keep whole milliseconds alone. */
function isSameDue(stored: Content['due'], written: Content['due']): boolean {
  if (stored === undefined || written === undefined) return stored === written;
  return stored.lane === written.lane && Math.abs(stored.at - written.at) < 1;
}

function dueOption(due: Content['due']): { readonly due?: NonNullable<Content['due']> } {
  return due === undefined ? {} : { due };
}

/** Returns the target that makes a task due. */
export function dueTarget({ id, lane }: ScheduledDocument, at: number, isTaskChanged: boolean): Target {
  return {
    id,
    decide: async (before): Promise<Decision> => ({ before, ...dueContent(id, before, { lane, at }, isTaskChanged) }),
  };
}
