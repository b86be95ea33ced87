import { constants, readFile as readFileCallback } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StoredDocument } from '../../core/model/store.js';
import { isDocumentId } from '../document-id.js';
import { isBuiltOn, markBuiltOn } from './built-on.js';
import { ancestorsOf, comparePaths, directoryOf, documentPath, type Path } from './document-path.js';
import { damagedDocument, decodeVersion } from './document-text.js';
import { createFile, hasCode, makeDirectory, removeFile, syncDirectory } from './durable-file.js';
import { appendNumbered, highestNumber, numberedName, readNames, supersededNames, VERSIONS } from './numbered-files.js';
import { openFor, type StoreOwner } from './store-owner.js';
import type { NewFile } from './temporary-files.js';

/** The version in force in a document's directory. Version 0: none ever was. */
export interface CurrentVersion {
  readonly version: number;
  /** `undefined` when there never was one, and when it was deleted. */
  readonly document: StoredDocument | undefined;
}

export interface AppendedVersion {
  readonly version: number;
  /** Closes and removes what is of no use any more. It never rejects, and the write counts without it. */
  clearAway(): Promise<unknown>;
}

/** A version that is built on, or is not because another one is in force. */
interface Predecessor {
  readonly isInForce: boolean;
  close(): Promise<void>;
}

const NO_PREDECESSOR: Predecessor = { isInForce: true, close: async () => {} };
const SUPERSEDED: Predecessor = { isInForce: false, close: async () => {} };

/** Holds the id in the clear, for versions that cannot be read. */
const ID_FILE = 'id';
const WRITING_ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
const MAX_READS = 20;
/** The document of a token takes a tenth of it, so that one read gets the whole file. */
const READ_BYTES = 16_384;

/** Windows lets the times of a file be set only where it is open for writing. */
const MARKABLE = process.platform === 'win32' ? 'r+' : 'r';

/** Takes two thirds of the time that the one of `node:fs/promises` takes. */
const readFile = promisify(readFileCallback);

/** Manages the directory of one document: a file per version, of which the highest counts. */
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
    temporary: NewFile,
  ): Promise<AppendedVersion | undefined> {
    const previous = expected === 0 ? await this.#vacantVersion() : expected;
    if (previous === undefined) return undefined;
    const version = previous + 1;
    const text = encode(version);
    const preparing = Promise.all([
      previous === 0 ? NO_PREDECESSOR : this.#buildOn(previous, expected === 0 ? 'deleted' : 'stored'),
      previous === 0 ? this.#create(id, temporary.owner) : undefined,
    ]);
    preparing.catch(() => undefined);
    let file: FileHandle | undefined;
    const close = async (): Promise<void> => {
      const predecessor = preparing.then(([previousOne]) => previousOne.close());
      await Promise.allSettled([file?.close(), predecessor]);
    };
    let names: string[] | undefined;
    try {
      const written = await createFile(temporary.path, text, temporary.owner);
      file = written;
      const [[{ isInForce }]] = await Promise.all([preparing, written.sync()]);
      // The file stays open until it is known whether it came into force: its name may be cleared away before that.
      const options = { durable: true, isBuiltOn: () => isBuiltOn(written), owner: temporary.owner };
      if (isInForce) names = await appendNumbered(this.directory, VERSIONS, version, temporary.path, options);
    } catch (error) {
      await Promise.all([close(), removeFile(temporary.path)]);
      throw error;
    }
    if (names === undefined) {
      await Promise.all([close(), removeFile(temporary.path)]);
      return undefined;
    }
    const superseded = supersededNames(VERSIONS, names, version).map((name) => join(this.directory, name));
    const clearAway = (): Promise<unknown> =>
      Promise.all([close(), ...[temporary.path, ...superseded].map(removeFile)]);
    return { version, clearAway };
  }

  async #vacantVersion(): Promise<number | undefined> {
    const { version, document } = await this.read();
    return document === undefined ? version : undefined;
  }

  /** Marks a version as one that is built on, if it is in force and in this state. */
  async #buildOn(version: number, state: 'stored' | 'deleted'): Promise<Predecessor> {
    const file = await this.#openVersion(version);
    if (file === undefined) return SUPERSEDED;
    const close = (): Promise<void> => file.close();
    try {
      const [bytes, names] = await Promise.all([this.#readOpened(file, version), readNames(this.directory)]);
      // What was opened is the file that is in force only if its number is the highest afterwards: a stalled writer may have
      // put another one in the place of one that was cleared away.
      if (highestNumber(VERSIONS, names) !== version) return { isInForce: false, close };
      const document = await this.#decode(bytes, version);
      if ((document === undefined) !== (state === 'deleted')) return { isInForce: false, close };
      await markBuiltOn(file);
      return { isInForce: true, close };
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  async #readOpened(file: FileHandle, version: number): Promise<Buffer> {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, 0);
    const bytes = buffer.subarray(0, bytesRead);
    // A read may return less than there is: then what it returned is no document, and all is read.
    const isWhole = bytesRead < READ_BYTES && decodeVersion(bytes, version) !== undefined;
    return isWhole ? bytes : file.readFile();
  }

  /** Makes everything that leads to the first version durable before that is visible, so that later writes can rely on it. */
  async #create(id: string, owner: StoreOwner | undefined): Promise<void> {
    await makeDirectory(this.directory, owner);
    await Promise.all([this.#writeId(id, owner), ...ancestorsOf(this.#root, this.#path).map(syncDirectory)]);
  }

  async #writeId(id: string, owner: StoreOwner | undefined): Promise<void> {
    const file = await openFor(owner, join(this.directory, ID_FILE), WRITING_ANEW);
    try {
      await file.writeFile(id);
      await file.sync();
    } finally {
      await file.close();
    }
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

  /** Reads a version; `undefined` when a later one has come meanwhile. */
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
