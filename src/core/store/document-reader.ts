import type { StoredDocument } from '../model/store.js';
import { checksum } from '../primitives/checksum.js';
import { DamagedDocument, seal } from './document-codec.js';
import type { SupervisedStore } from './supervised-store.js';

export interface Quarantined {
  readonly id: string;
  readonly version: number;
  readonly quarantinedAs: string;
}

/** Decodes documents; a damaged one is moved aside, exactly the version that was read, and then counts as absent. */
export class DocumentReader {
  readonly #store: SupervisedStore;
  readonly #quarantined: (event: Quarantined) => void;

  constructor(store: SupervisedStore, quarantined: (event: Quarantined) => void) {
    this.#store = store;
    this.#quarantined = quarantined;
  }

  /** Returns what `decode` makes of the document or, when that was damaged, of what has taken its place. */
  async read<Decoded>(
    document: StoredDocument | undefined,
    decode: (document: StoredDocument | undefined) => Decoded,
  ): Promise<Decoded> {
    try {
      return decode(document);
    } catch (error) {
      if (!(error instanceof DamagedDocument)) throw error;
      return decode(await this.#moveAside(error.document));
    }
  }

  /**
   * Moves a damaged document aside, and returns what has taken its place: where the schedule of a fleet is in the
   * store, what stands in it must not fall out.
   */
  async #moveAside({ id, version, data, due }: StoredDocument): Promise<StoredDocument | undefined> {
    const quarantinedAs = `quarantine/${id.split('/')[1] ?? 'unknown'}/${checksum(id)}-${version}`;
    await this.#store.set(quarantinedAs, { id, version, damaged: data }, 0);
    const isScheduled = this.#store.canClaim && due !== undefined;
    const left = isScheduled ? { id, data: seal(id, {}), due: { lane: due.lane, at: 0 } } : undefined;
    const moved =
      left === undefined
        ? await this.#store.delete(id, version)
        : await this.#store.set(id, left.data, version, { due: left.due });
    if (moved === false || moved === undefined) return undefined;
    this.#quarantined({ id, version, quarantinedAs });
    return left === undefined ? undefined : { ...left, version: Number(moved) };
  }
}
