import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock, ClockTimer } from '../../core/concurrency/clock.js';
import { isDocumentId } from '../document-id.js';
import { APPENDING, CHANGE_LOG } from './change-log.js';
import { hasCode } from './durable-file.js';
import { openFor, ownerToGiveTo } from './store-owner.js';

const POLL_MS = 5_000;

/** Follows the change log of a store: at once if the system reports changes of files, and every 5 s in any case. */
export class ChangeWatch {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #changed: (id: string | undefined) => void;
  #watcher: FSWatcher | undefined;
  #timer: ClockTimer | undefined;
  #ended = false;
  /** Identifies the directory, so that a new one in its place is noticed; `undefined` while there is none. */
  #rootIdentity: string | undefined;
  #inode = 0;
  #offset = 0;
  #reading: Promise<void> | undefined;
  #readAgain = false;

  private constructor(root: string, clock: Clock, changed: (id: string | undefined) => void) {
    this.#root = root;
    this.#clock = clock;
    this.#changed = changed;
  }

  static async start(root: string, clock: Clock, changed: (id: string | undefined) => void): Promise<ChangeWatch> {
    const changes = new ChangeWatch(root, clock, changed);
    await changes.#goToEnd();
    changes.#rootIdentity = await identityOf(root);
    changes.#listen();
    changes.#schedule();
    return changes;
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#timer?.cancel();
    this.#watcher?.close();
    await this.#reading;
  }

  async #goToEnd(): Promise<void> {
    const file = await openFor(await ownerToGiveTo(this.#root), join(this.#root, CHANGE_LOG), APPENDING);
    try {
      const { ino, size } = await file.stat();
      this.#inode = ino;
      this.#offset = size;
    } finally {
      await file.close();
    }
  }

  /**
   * Watches the directory. If the system cannot provide a watch, for example because there are no inotify instances left,
   * only polling is used.
   */
  #listen(): void {
    try {
      this.#watcher = watch(this.#root, { persistent: false }, (_event, name) => {
        // The system reports the deletion of the directory under the directory's own name.
        if (name === null || name === CHANGE_LOG || name === basename(this.#root)) this.#read();
      });
      const watcher = this.#watcher;
      watcher.on('error', () => watcher.close());
    } catch {
      this.#watcher = undefined;
    }
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(() => {
      this.#read();
      this.#schedule();
    }, POLL_MS);
  }

  /** Reads the new entries, one reading at a time. */
  #read(): void {
    if (this.#ended) return;
    if (this.#reading !== undefined) {
      this.#readAgain = true;
      return;
    }
    this.#reading = this.#readNew()
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined;
        if (!this.#readAgain) return;
        this.#readAgain = false;
        this.#read();
      });
  }

  /**
   * Returns whether the directory was created anew. The system keeps watching the deleted one, and reports nothing about
   * the new one.
   */
  async #isAnotherRoot(): Promise<boolean> {
    const identity = await identityOf(this.#root);
    if (identity === this.#rootIdentity || this.#ended) return false;
    this.#rootIdentity = identity;
    this.#watcher?.close();
    if (identity === undefined) this.#watcher = undefined;
    else this.#listen();
    return true;
  }

  async #readNew(): Promise<void> {
    const isAnotherRoot = await this.#isAnotherRoot();
    let file: FileHandle;
    try {
      file = await open(join(this.#root, CHANGE_LOG), 'r');
    } catch (error) {
      // The log has just been renamed. The next change creates it again.
      if (!hasCode(error, 'ENOENT')) throw error;
      if (isAnotherRoot) this.#tell(undefined);
      return;
    }
    try {
      const { ino, size } = await file.stat();
      if (isAnotherRoot || ino !== this.#inode || size < this.#offset) {
        this.#inode = ino;
        this.#offset = size;
        this.#tell(undefined);
        return;
      }
      const length = size - this.#offset;
      if (length === 0) return;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, this.#offset);
      this.#tellLines(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  }

  #tellLines(bytes: Buffer): void {
    const end = bytes.lastIndexOf('\n') + 1;
    if (end === 0) return;
    this.#offset += end;
    for (const id of bytes.toString('latin1', 0, end - 1).split('\n')) this.#tell(isDocumentId(id) ? id : undefined);
  }

  #tell(id: string | undefined): void {
    if (!this.#ended) this.#changed(id);
  }
}

/**
 * Returns an identity of a directory; `undefined` if there is none. It includes more than the inode number, which may be
 * reused for the next directory.
 */
async function identityOf(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeNs } = await stat(directory, { bigint: true });
    return `${dev}:${ino}:${birthtimeNs}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
