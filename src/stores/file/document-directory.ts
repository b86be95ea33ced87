import { readFile as readFileCallback } from 'node:fs';
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StoredDocument } from '../../core/store.js';
import { isDocumentId } from '../document-id.js';
import { isBuiltOn, markBuiltOn } from './built-on.js';
import { ancestorsOf, comparePaths, directoryOf, documentPath, type Path } from './document-path.js';
import { damagedDocument, decodeVersion } from './document-text.js';
import { createFile, DIRECTORY_MODE, FILE_MODE, hasCode, removeFile, syncDirectory } from './durable-file.js';
import { appendNumbered, highestNumber, numberedName, readNames, supersededNames, VERSIONS } from './numbered-files.js';

/** What is in force in a document's directory. Version 0: nothing ever was. */
export interface CurrentVersion {
  readonly version: number;
  /** `undefined` when there never was one, and when it was deleted. */
  readonly document: StoredDocument | undefined;
}

export interface AppendedVersion {
  readonly version: number;
  /** Files that nobody needs any more. */
  readonly leftovers: readonly string[];
}

/** Holds the id in the clear, for versions that cannot be read. */
const ID_FILE = 'id';
const MAX_READS = 20;

/** Windows lets the times of a file be set only where it is open for writing. */
const MARKABLE = process.platform === 'win32' ? 'r+' : 'r';

/** Takes two thirds of the time that the one of `node:fs/promises` takes. */
const readFile = promisify(readFileCallback);

/** The directory of one document: a file per version, of which the highest counts. */
export class DocumentDirectory {
  readonly directory: string;
  readonly #root: string;
  readonly #path: Path;
  readonly #id: string | undefined;

  /** @param id - absent when only the place is known, not whose it is. */
  constructor(root: string, path: Path, id?: string) {
    this.directory = directoryOf(root, path);
    this.#root = root;
    this.#path = path;
    this.#id = id;
  }

  /** @param seen - the names in the directory, where they have just been read. */
  async read(seen?: readonly string[]): Promise<CurrentVersion> {
    let names = seen ?? (await readNames(this.directory));
    for (let reads = 1; reads < MAX_READS; reads++) {
      const version = highestNumber(VERSIONS, names);
      if (version > 0) {
        const bytes = await this.#readVersion(version);
        if (bytes !== undefined) return { version, document: await this.#decode(bytes, version) };
      } else if (!names.includes(ID_FILE)) {
        return { version, document: undefined };
      } else if (reads > 2) {
        // An id without a version: its first one is just being written, or the writer has died before it.
        return { version, document: undefined };
      }
      names = await readNames(this.directory);
    }
    throw new Error(`the versions in ${this.directory} were replaced faster than they could be read`);
  }

  /**
   * Appends the version after `expected`; 0 stands for no document.
   *
   * @param encode - what the file of a version says.
   * @returns `undefined` when something else is in force.
   */
  async append(
    id: string,
    expected: number,
    encode: (version: number) => string,
    temporary: string,
  ): Promise<AppendedVersion | undefined> {
    const previous = expected === 0 ? await this.#vacantVersion() : expected;
    if (previous === undefined) return undefined;
    const version = previous + 1;
    const text = encode(version);
    const preparing = Promise.all([
      previous === 0 || this.#buildOn(previous, expected === 0 ? 'deleted' : 'stored'),
      previous === 0 ? this.#create(id) : undefined,
    ]);
    preparing.catch(() => undefined);
    // The file stays open until it is known whether it came into force: its name may be cleared away before that.
    const names = await createFile(temporary, text, async (file) => {
      const [[isInForce]] = await Promise.all([preparing, file.sync()]);
      if (!isInForce) return undefined;
      const options = { durable: true, isBuiltOn: () => isBuiltOn(file) };
      return appendNumbered(this.directory, VERSIONS, version, temporary, options);
    });
    if (names === undefined) {
      await removeFile(temporary);
      return undefined;
    }
    const superseded = supersededNames(VERSIONS, names, version).map((name) => join(this.directory, name));
    return { version, leftovers: [temporary, ...superseded] };
  }

  async #vacantVersion(): Promise<number | undefined> {
    const { version, document } = await this.read();
    return document === undefined ? version : undefined;
  }

  /**
   * Marks a version as one that is built on.
   *
   * @returns `false` when another one is in force, or when it is not in this state.
   */
  async #buildOn(version: number, state: 'stored' | 'deleted'): Promise<boolean> {
    const file = await this.#openVersion(version);
    if (file === undefined) return false;
    try {
      const bytes = await file.readFile();
      // What was opened is the file that is in force only if its number is the highest afterwards: a stalled writer may have
      // put another one in the place of one that was cleared away.
      if (highestNumber(VERSIONS, await readNames(this.directory)) !== version) return false;
      const document = await this.#decode(bytes, version);
      if ((document === undefined) !== (state === 'deleted')) return false;
      await markBuiltOn(file);
      return true;
    } finally {
      await file.close();
    }
  }

  /** Before the first version is seen, everything that leads to it is durable: whoever builds on it can rely on that. */
  async #create(id: string): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: DIRECTORY_MODE });
    await Promise.all([
      writeFile(join(this.directory, ID_FILE), id, { mode: FILE_MODE, flush: true }),
      ...ancestorsOf(this.#root, this.#path).map(syncDirectory),
    ]);
  }

  /** Returns `undefined` when there is no such version, or not any more. */
  async #openVersion(version: number): Promise<FileHandle | undefined> {
    try {
      return await open(join(this.directory, numberedName(VERSIONS, version)), MARKABLE);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** `undefined` when a later version has come meanwhile. */
  async #readVersion(version: number): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.directory, numberedName(VERSIONS, version)));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  async #decode(bytes: Buffer, version: number): Promise<StoredDocument | undefined> {
    const content = decodeVersion(bytes, version);
    if (content !== undefined && this.#isOwn(content.id)) return content.document;
    const id = this.#id ?? (await readFile(join(this.directory, ID_FILE), 'utf8').catch(() => ''));
    return this.#isOwn(id) ? damagedDocument(id, version, bytes) : undefined;
  }

  #isOwn(id: string): boolean {
    if (this.#id !== undefined) return id === this.#id;
    return isDocumentId(id) && comparePaths(documentPath(id), this.#path) === 0;
  }
}
