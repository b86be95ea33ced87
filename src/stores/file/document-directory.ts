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

/** The current version in a document's directory. Version 0 means that there never was one. */
export interface CurrentVersion {
  readonly version: number;
  /** The document; `undefined` if there never was one, or it was deleted. */
  readonly document: StoredDocument | undefined;
}

export interface AppendedVersion {
  readonly version: number;
  /** Closes the files and removes those that are no longer needed. It never rejects, because the write has succeeded anyway. */
  clearAway(): Promise<unknown>;
}

/** The version before a new one: whether it is current, so that the new one may be built on it. */
interface Predecessor {
  readonly isInForce: boolean;
  close(): Promise<void>;
}

const NO_PREDECESSOR: Predecessor = { isInForce: true, close: async () => {} };
const SUPERSEDED: Predecessor = { isInForce: false, close: async () => {} };

/** The file with the id in plain text, which is needed for versions that cannot be read. */
const ID_FILE = 'id';
const WRITING_ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
const MAX_READS = 20;
/** The size of the first read. The document of a token takes a tenth of it, so that one read returns the whole file. */
const READ_BYTES = 16_384;

/** The flags to open a version for marking. Windows sets the times of a file only if it is open for writing. */
const MARKABLE = process.platform === 'win32' ? 'r+' : 'r';

/** Reads a file in two thirds of the time of the function in `node:fs/promises`. */
const readFile = promisify(readFileCallback);

/** Manages the directory of a document, which has a file for each version. The one with the highest number is current. */
export class DocumentDirectory {
  readonly directory: string;
  readonly #root: string;
  readonly #path: Path;
  readonly #id: string | undefined;

  /** @param id - the id of the document; absent if only its place is known. */
  constructor(root: string, path: Path, id?: string) {
    this.directory = directoryOf(root, path);
    this.#root = root;
    this.#path = path;
    this.#id = id;
  }

  /**
   * Reads the current version.
   *
   * @param seen - the names in the directory, if they have just been read.
   */
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
        // There is an id without a version: the first version is just being written, or its writer has died before that.
        return { version, document: undefined };
      }
      names = await readNames(this.directory);
    }
    throw new Error(`the versions in ${this.directory} were replaced faster than they could be read`);
  }

  /**
   * Appends the version after `expected`; 0 represents no document.
   *
   * @param encode - returns the content of the version's file.
   *
   * @returns `undefined` if another version is current.
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
      // The file stays open until it is known whether it became current, because its name may be removed before that.
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

  /** Marks a version as one that has a successor, if it is current and in this state. */
  async #buildOn(version: number, state: 'stored' | 'deleted'): Promise<Predecessor> {
    const file = await this.#openVersion(version);
    if (file === undefined) return SUPERSEDED;
    const close = (): Promise<void> => file.close();
    try {
      const [bytes, names] = await Promise.all([this.#readOpened(file, version), readNames(this.directory)]);
      // The opened file is the current version only if its number is the highest afterwards, because a stalled writer may
      // have linked its file under the number of a removed version.
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
    // One read may return only a part of the file. That part does not decode, and the whole file is read then.
    const isWhole = bytesRead < READ_BYTES && decodeVersion(bytes, version) !== undefined;
    return isWhole ? bytes : file.readFile();
  }

  /**
   * Makes all directories on the way to the first version durable before it becomes visible, so that later writes can
   * rely on them.
   */
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

  /** Opens a version; returns `undefined` if there is none, or not any more. */
  async #openVersion(version: number): Promise<FileHandle | undefined> {
    try {
      return await open(join(this.directory, numberedName(VERSIONS, version)), MARKABLE);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Reads a version; returns `undefined` if it was superseded and removed in the meantime. */
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
