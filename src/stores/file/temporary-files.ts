import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreFailure } from '../../core/primitives/store-failure.js';
import { TEMPORARY_DIRECTORY } from './document-path.js';
import { hasCode, makeDirectory, removeFile, syncDirectory } from './durable-file.js';
import { readNames } from './numbered-files.js';
import { inStore, openFor, ownerToGiveTo, type StoreOwner } from './store-owner.js';

const STALE_AFTER_MS = 3_600_000;
const WRITING_ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** The codes with which systems report that a file cannot grow, or cannot be created, for lack of space. */
const FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];

const ALL_MODE_BITS = 0o7777;

/** The id of this process and thread among all that write to the same directory. */
const WRITER = randomBytes(8).toString('hex');
let lastNumber = 0;

/** A file that is about to be created. */
export interface NewFile {
  readonly path: string;
  /** The user who gets the file and its new directories, if it is not the user of this process. */
  readonly owner: StoreOwner | undefined;
}

/** Creates files in the directory `tmp` of a store, where every file is written before it is linked to its place. */
export class TemporaryFiles {
  readonly #root: string;
  readonly #directory: string;
  #ready: Promise<void> | undefined;
  #owner: StoreOwner | undefined;
  #clockFile: Promise<FileHandle> | undefined;
  readonly #clockPath: string;
  #closed = false;

  constructor(root: string) {
    this.#root = root;
    this.#directory = join(root, TEMPORARY_DIRECTORY);
    this.#clockPath = this.#newPath();
  }

  /** Returns a file with a name that no writer has ever used. `prepare` must have been called. */
  newFile(): NewFile {
    return { path: this.#newPath(), owner: this.#owner };
  }

  /** Creates the directories once, and removes files of writers that were killed. */
  prepare(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  prepareAgain(): void {
    this.#ready = undefined;
  }

  /** Returns the time of the file system's clock in epoch milliseconds. */
  async now(): Promise<number> {
    await this.prepare();
    return this.#time();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const file = await this.#clockFile?.catch(() => undefined);
    if (file === undefined) return;
    this.#clockFile = undefined;
    await Promise.all([file.close(), removeFile(this.#clockPath)]);
  }

  /**
   * Returns the modification time of a file that is written now, or on a full volume the time of a change that needs no
   * space: a process that starts there can still read the tokens that are stored.
   */
  async #time(): Promise<number> {
    try {
      return await this.#touchClockFile();
    } catch (error) {
      if (!FULL.some((code) => hasCode(error, code))) throw error;
      return timeOfChange(this.#directory).catch(() => {
        throw error;
      });
    }
  }

  async #touchClockFile(): Promise<number> {
    if (this.#closed) throw new StoreFailure('the store is closed');
    const opening = this.#openClockFile();
    const file = await opening;
    try {
      await file.write('.', 0);
      return Math.floor((await file.stat()).mtimeMs);
    } catch (error) {
      // The file is opened again at the next call, because another file system may be mounted by then.
      if (this.#clockFile === opening) this.#clockFile = undefined;
      await Promise.allSettled([file.close(), removeFile(this.#clockPath)]);
      throw error;
    }
  }

  #openClockFile(): Promise<FileHandle> {
    this.#clockFile ??= openFor(this.#owner, this.#clockPath, WRITING_ANEW).catch((error: unknown) => {
      this.#clockFile = undefined;
      throw error;
    });
    return this.#clockFile;
  }

  #newPath(): string {
    lastNumber += 1;
    return join(this.#directory, `${WRITER}-${lastNumber}`);
  }

  async #prepare(): Promise<void> {
    this.#owner = await ownerToGiveTo(this.#root);
    const created = await makeDirectory(this.#directory, this.#owner);
    if (created !== undefined) await syncDirectory(dirname(this.#root));
    await this.#removeStale();
  }

  async #removeStale(): Promise<void> {
    const names = await readNames(this.#directory);
    if (names.length === 0) return;
    const staleBefore = (await this.#time()) - STALE_AFTER_MS;
    for (const name of names) {
      await inStore(this.#owner, join(this.#directory, name), async (path) => {
        const stats = await stat(path).catch(() => undefined);
        if (stats !== undefined && stats.mtimeMs < staleBefore) await removeFile(path);
      });
    }
  }
}

/** Sets the mode of a directory to what it is, and returns the time of that change. */
async function timeOfChange(path: string): Promise<number> {
  const directory = await open(path, DIRECTORY);
  try {
    await directory.chmod((await directory.stat()).mode & ALL_MODE_BITS);
    return Math.floor((await directory.stat()).ctimeMs);
  } finally {
    await directory.close();
  }
}
