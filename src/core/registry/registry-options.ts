import type { OwnRegistrations } from './own-registrations.js';
import type { TaskEntries } from './task-entry.js';

export interface RegistryOptions {
  /** The maximum number of documents whose content is cached. Default: all. */
  readonly maxHeld?: number | undefined;
  /** The holder of the tasks, if other parts look them up too. */
  readonly tasks?: TaskEntries;
  /** The apps and tasks that this process has registered itself, which are updated when the store shows changes. */
  readonly own?: OwnRegistrations;
}

/** The number of registration documents, app and task, that a cached record keeps cached too. */
const DOCUMENTS_OF_A_KEY = 2;
/** The minimum of the limit on cached documents, so that documents in use are not evicted. */
const MIN_HELD = 1_000;

/** Returns the limit on cached apps and tasks if a fleet shares more than one process can hold. */
export function maxHeldDocuments(maxCachedRecords: number): number {
  return Math.max(DOCUMENTS_OF_A_KEY * maxCachedRecords, MIN_HELD);
}
