import { checksum } from './checksum.js';
import { DamagedDocument } from './document-codec.js';
import type { StoredDocument } from './store.js';
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

  /** What `decode` makes of the document, or of `undefined` when that was damaged. */
  async read<Decoded>(
    document: StoredDocument | undefined,
    decode: (document: StoredDocument | undefined) => Decoded,
  ): Promise<Decoded> {
    try {
      return decode(document);
    } catch (error) {
      if (!(error instanceof DamagedDocument)) throw error;
      await this.#moveAside(error.document);
      return decode(undefined);
    }
  }

  async #moveAside({ id, version, data }: StoredDocument): Promise<void> {
    const quarantinedAs = `quarantine/${id.split('/')[1] ?? 'unknown'}/${checksum(id)}-${version}`;
    await this.#store.set(quarantinedAs, { id, version, damaged: data }, 0);
    if (await this.#store.delete(id, version)) this.#quarantined({ id, version, quarantinedAs });
  }
}
