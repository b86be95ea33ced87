import { constants } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { openFor, type StoreOwner } from './store-owner.js';

/** The file in the root of a store with the ids of changed documents, one on each line, the latest last. */
export const CHANGE_LOG = 'changes.log';

export const APPENDING: number = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
const FULL_LOG = 'changes.old';
const MAX_BYTES = 1_048_576;
const APPENDS_BETWEEN_CHECKS = 64;

/** Records the changes of a store object for watchers. A lost entry is harmless, because watchers also poll the store. */
export class ChangeLog {
  readonly #path: string;
  readonly #fullPath: string;
  #appends = 0;

  constructor(root: string) {
    this.#path = join(root, CHANGE_LOG);
    this.#fullPath = join(root, FULL_LOG);
  }

  /** Records a change. It never rejects. */
  async append(id: string, owner: StoreOwner | undefined): Promise<void> {
    try {
      const file = await openFor(owner, this.#path, APPENDING);
      try {
        await file.write(`${id}\n`);
        if (this.#appends++ % APPENDS_BETWEEN_CHECKS === 0 && (await file.stat()).size > MAX_BYTES) {
          await rename(this.#path, this.#fullPath);
        }
      } finally {
        await file.close();
      }
    } catch {
      // The change itself has been stored.
    }
  }
}
