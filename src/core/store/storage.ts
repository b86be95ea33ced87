import type { DocumentReader } from './document-reader.js';
import type { KeyDocuments } from './key-documents.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';

/** The store of the user, and what is read from it and written to it by. */
export interface Storage {
  readonly store: SupervisedStore;
  /** The clock of the store: every stored instant is one of its. */
  readonly clock: StoreClock;
  /** Decodes documents of any kind. */
  readonly reader: DocumentReader;
  /** Reads and writes the documents of keys. */
  readonly documents: KeyDocuments;
}
