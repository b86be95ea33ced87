import type { DocumentReader } from './document-reader.js';
import type { KeyDocuments } from './key-documents.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';

/** The user's store, together with the objects that read from it and write to it. */
export interface Storage {
  readonly store: SupervisedStore;
  /** The clock of the store, to which all stored instants refer. */
  readonly clock: StoreClock;
  /** The decoder for documents of any kind. */
  readonly reader: DocumentReader;
  /** The repository of the documents of keys. */
  readonly documents: KeyDocuments;
}
