import { isTokenError, type TokenError } from '../model/errors.js';
import type { StoredDocument } from '../model/store.js';
import { checksum } from '../primitives/checksum.js';
import { DamagedDocument, seal } from './document-codec.js';
import type { SupervisedStore } from './supervised-store.js';

export interface Quarantined {
  readonly id: string;
  readonly version: number;
  readonly quarantinedAs: string;
}

/**
 * Decodes documents. The version that was read of a damaged document is moved aside, after which the document counts as
 * absent.
 */
export class DocumentReader {
  readonly #store: SupervisedStore;
  readonly #quarantined: (event: Quarantined) => void;

  constructor(store: SupervisedStore, quarantined: (event: Quarantined) => void) {
    this.#store = store;
    this.#quarantined = quarantined;
  }

  /**
   * Decodes a document or, if it is damaged, the one that takes its place.
   *
   * @param unreadable - returns the answer for a document that this process cannot decode, such as one of a newer
   *   release. A store that fails to move a damaged document aside is an error all the same. Absent if both are errors.
   */
  async read<Decoded>(
    document: StoredDocument | undefined,
    decode: (document: StoredDocument | undefined) => Decoded,
    unreadable?: (error: TokenError) => Decoded,
  ): Promise<Decoded> {
    try {
      return decode(document);
    } catch (error) {
      if (error instanceof DamagedDocument) return decode(await this.#moveAside(error.document));
      if (unreadable === undefined || !isTokenError(error)) throw error;
      return unreadable(error);
    }
  }

  /**
   * Moves a damaged document aside, and returns the document that takes its place. If the store contains the schedule
   * of a fleet, an empty document preserves the due, so that the key does not drop out of the schedule.
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
