import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE_MODE } from './durable-file.js';

/** In the root of a store: the ids of changed documents, one a line, the latest last. */
export const CHANGE_LOG = 'changes.log';

const FULL_LOG = 'changes.old';
const MAX_BYTES = 1_048_576;
const APPENDS_BETWEEN_CHECKS = 64;

/** Where a store object notes its changes for those who watch. Losing a note is harmless: watchers also look by themselves. */
export class ChangeLog {
  readonly #path: string;
  readonly #fullPath: string;
  #appends = 0;

  constructor(root: string) {
    this.#path = join(root, CHANGE_LOG);
    this.#fullPath = join(root, FULL_LOG);
  }

  /** Never rejects. */
  async append(id: string): Promise<void> {
    try {
      const file = await open(this.#path, 'a', FILE_MODE);
      try {
        await file.write(`${id}\n`);
        if (this.#appends++ % APPENDS_BETWEEN_CHECKS === 0 && (await file.stat()).size > MAX_BYTES) {
          await rename(this.#path, this.#fullPath);
        }
      } finally {
        await file.close();
      }
    } catch {
      // The change itself is stored.
    }
  }
}
