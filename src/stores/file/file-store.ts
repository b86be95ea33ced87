import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Clock, systemClock } from '../../core/concurrency/clock.js';
import { Semaphore } from '../../core/concurrency/semaphore.js';
import type { Due, Lease, ListOptions, StoredDocument, TokenStore } from '../../core/model/store.js';
import { readFields } from '../../core/primitives/assert-options.js';
import type { JsonObject } from '../../core/primitives/json.js';
import { describeValue } from '../../core/primitives/redact.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';
import { ChangeLog } from './change-log.js';
import { ChangeWatch } from './change-watch.js';
import { DocumentDirectory } from './document-directory.js';
import { listDocuments } from './document-listing.js';
import { documentPath } from './document-path.js';
import { encodeDocument, encodeTombstone } from './document-text.js';
import { hasCode, removeFile } from './durable-file.js';
import { fileFailure } from './file-failure.js';
import { takeLease } from './file-lease.js';
import { TemporaryFiles } from './temporary-files.js';

const MAX_OPERATIONS = 32;

/**
 * The options of `new FileStore(directory, options)`.
 *
 * @public
 */
export interface FileStoreOptions {
  /**
   * The clock whose timers make the store look for changes every 5 s. The time of the store is that of the file system.
   *
   * @defaultValue {@link systemClock}
   */
  readonly clock?: Clock;
}

/**
 * Keeps documents in a directory, shared by all processes that can write there; what it has written survives a crash of
 * the process and of the machine.
 *
 * The directory is created when it is first written to, for its owner alone (directories 0700, files 0600). The file
 * system must have hard links, which every usual one but FAT has.
 *
 * If the file system refuses an operation, methods reject with an error named `FileFailure`. It has the system's `code`, and
 * a message with the path and the remedy.
 *
 * @example
 * ```ts
 * const tokens = new TokenManager({ store: new FileStore('./wechat-tokens') });
 * ```
 *
 * @public
 */
export class FileStore implements TokenStore {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #temporary: TemporaryFiles;
  readonly #changes: ChangeLog;
  readonly #operations = new Semaphore(MAX_OPERATIONS);
  readonly #watches = new Set<ChangeWatch>();
  /** The operations and removals in progress. */
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  /**
   * @param directory - a path, absolute or from the working directory.
   * @throws TypeError when it is not a non-empty string, or is something else than a directory.
   */
  constructor(directory: string, options: FileStoreOptions = {}) {
    if (typeof directory !== 'string' || directory === '') {
      throw new TypeError(`directory must be a non-empty string, got ${describeValue(directory)}`);
    }
    const { clock = systemClock } = readFields<FileStoreOptions>(options, ['clock'], 'the options of FileStore');
    this.#root = resolve(directory);
    if (isSomethingElse(this.#root)) {
      throw new TypeError(`directory must be the path of a directory, got that of a file: ${describeValue(directory)}`);
    }
    this.#clock = clock;
    this.#temporary = new TemporaryFiles(this.#root);
    this.#changes = new ChangeLog(this.#root);
  }

  async now(): Promise<number> {
    this.#assertOpen();
    return this.#explained(() => this.#temporary.now());
  }

  async get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    this.#assertOpen();
    const places = ids.map((id) => this.#directory(id));
    const read = (place: DocumentDirectory): Promise<StoredDocument | undefined> =>
      this.#pass(async () => (await place.read()).document);
    return this.#explained(() => Promise.all(places.map(read)));
  }

  async set(
    id: string,
    data: JsonObject,
    expected: number,
    options: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    this.#assertOpen();
    const { due, lease } = options;
    return this.#append(id, expected, (version) => encodeDocument(id, version, data, due), lease);
  }

  async delete(id: string, expected: number): Promise<boolean> {
    this.#assertOpen();
    if (expected === 0) return false;
    return (await this.#append(id, expected, (version) => encodeTombstone(id, version), undefined)) !== undefined;
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): AsyncGenerator<StoredDocument, void, undefined> {
    this.#assertOpen();
    const { after, limit = Number.POSITIVE_INFINITY, progressed }: ListOptions = options;
    let left = limit;
    if (left <= 0) return;
    const afterPath = after === undefined ? after : documentPath(after);
    const documents = listDocuments(this.#root, prefix, afterPath, () => {
      // This check is needed here because deleted entries are skipped within one step, which may take long.
      this.#assertOpen();
      progressed?.();
    });
    try {
      for (;;) {
        const next = await this.#explained(() => documents.next());
        if (next.done === true) return;
        yield next.value;
        this.#assertOpen();
        left -= 1;
        if (left <= 0) return;
      }
    } finally {
      await documents.return();
    }
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    this.#assertOpen();
    const place = this.#directory(id);
    return this.#write(async () => {
      const granted = await takeLease(place.directory, ttlMs, this.#temporary.newFile(), (paths) =>
        this.#clearAway(Promise.all(paths.map(removeFile))),
      );
      if (granted === undefined) return undefined;
      const { release } = granted;
      try {
        const { document } = await place.read(granted.names);
        return { id, document, release: () => this.#explained(release) };
      } catch (error) {
        await release().catch(() => undefined);
        throw error;
      }
    });
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.#assertOpen();
    const watch = await this.#explained(async () => {
      await this.#temporary.prepare();
      return ChangeWatch.start(this.#root, this.#clock, changed);
    });
    const end = async (): Promise<void> => {
      this.#watches.delete(watch);
      await watch.end();
    };
    if (this.#closed) {
      await end();
      this.#assertOpen();
    }
    this.#watches.add(watch);
    return end;
  }

  /** Refuses new operations, and waits for those under way: afterwards nothing touches the directory. */
  async close(): Promise<void> {
    this.#closed = true;
    const watches = [...this.#watches];
    this.#watches.clear();
    await Promise.all([...watches.map((watch) => watch.end()), this.#temporary.close()]);
    // A write starts its removals when it ends, so that they may appear while this waits.
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreFailure('the store is closed');
  }

  #directory(id: string): DocumentDirectory {
    return new DocumentDirectory(this.#root, documentPath(id), id);
  }

  async #append(
    id: string,
    expected: number,
    encode: (version: number) => string,
    lease: Lease | undefined,
  ): Promise<number | undefined> {
    const place = this.#directory(id);
    return this.#write(async () => {
      const file = this.#temporary.newFile();
      const appended = await place.append(id, expected, encode, file);
      if (appended === undefined) return undefined;
      this.#clearAway(appended.clearAway());
      // The write has succeeded. A lease that cannot be released expires.
      await Promise.all([this.#changes.append(id, file.owner), lease?.release().catch(() => undefined)]);
      return appended.version;
    });
  }

  /** Runs an operation when there is a free slot, unless the store has been closed by then. */
  #pass<Result>(operation: () => Promise<Result>): Promise<Result> {
    return this.#operations.run(async () => {
      this.#assertOpen();
      return operation();
    });
  }

  /** Runs a write. If its directory was deleted in the meantime, it is created again. */
  #write<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#explained(async () => {
      await this.#temporary.prepare();
      try {
        return await this.#pass(work);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
        this.#temporary.prepareAgain();
      }
      await this.#temporary.prepare();
      return this.#pass(work);
    });
  }

  /** Runs work for which `close` waits, and rejects with a `FileFailure` that explains the error of the file system. */
  async #explained<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#track(work());
    } catch (error) {
      throw fileFailure(error, this.#root);
    }
  }

  /** Removes files after a write. Only `close` waits for this, because on ext4 it takes longer than the rest of a write. */
  #clearAway(work: Promise<unknown>): void {
    void this.#track(work);
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const tracked = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
    return tracked;
  }
}

/**
 * Returns whether the path is something other than a directory. A path that cannot be checked results in an error at its
 * first use.
 */
function isSomethingElse(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch {
    return false;
  }
}
