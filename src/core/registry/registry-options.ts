import type { OwnRegistrations } from './own-registrations.js';
import type { TaskEntries } from './task-entry.js';

export interface RegistryOptions {
  /** The largest number of documents whose content is held. Default: all. */
  readonly maxHeld?: number | undefined;
  /** The holder of the tasks, where others look them up too. */
  readonly tasks?: TaskEntries;
  /** The apps and tasks that this process has registered itself, which are kept in step with the store. */
  readonly own?: OwnRegistrations;
}

/** A cached record keeps its app and its task in memory too. */
const DOCUMENTS_OF_A_KEY = 2;
/** The minimum number of documents held in memory: what is under way at once must not drop out meanwhile. */
const MIN_HELD = 1_000;

/** Returns how many documents of apps and tasks are held where a fleet shares more than one process can hold. */
export function maxHeldDocuments(maxCachedRecords: number): number {
  return Math.max(DOCUMENTS_OF_A_KEY * maxCachedRecords, MIN_HELD);
}
