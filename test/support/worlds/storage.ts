import type { Clock } from '../../../src/core/concurrency/clock.js';
import { Registry } from '../../../src/core/registry/registry.js';
import { DocumentReader } from '../../../src/core/store/document-reader.js';
import { KeyDocuments } from '../../../src/core/store/key-documents.js';
import type { Storage } from '../../../src/core/store/storage.js';
import { StoreClock } from '../../../src/core/store/store-clock.js';
import { SupervisedStore } from '../../../src/core/store/supervised-store.js';
import type { TokenStore } from '../../../src/index.js';

export interface OpenedStorage extends Storage {
  readonly registry: Registry;
}

/** Returns what one process has of a store, without the parts that tell others of what happens there. */
export function openStorage(given: TokenStore, clock: Clock): OpenedStorage {
  const store = new SupervisedStore(given, clock, { unavailable() {}, available() {} });
  const reader = new DocumentReader(store, () => {});
  const registry = new Registry(store, reader);
  const storeClock = new StoreClock(clock, () => store.now());
  return { store, clock: storeClock, reader, documents: new KeyDocuments(store, reader, registry), registry };
}
