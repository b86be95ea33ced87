import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createFile, hasCode, makeDirectory } from './durable-file.js';
import { hasEnded, holderHere, parseHolder } from './lease-holder.js';
import { appendNumbered, highestNumber, LEASES, numberedName, readNames, supersededNames } from './numbered-files.js';
import { inStore, type StoreOwner } from './store-owner.js';
import type { NewFile } from './temporary-files.js';

/** A lease that was granted. */
export interface GrantedLease {
  /** The names in the directory after it was granted. */
  readonly names: readonly string[];
  release(): Promise<void>;
}

/**
 * Takes the lease of a directory, creating the directory if need be. A lease is the file `lease-<number>`; its age is
 * told by the file system's clock. Taking over means appending the next number, so that of many only one succeeds.
 *
 * @param temporary - a file that nothing else uses.
 * @param clearAway - removes files that are of no use any more; the lease does not wait for it.
 * @returns `undefined` when another process holds it.
 */
export async function takeLease(
  directory: string,
  ttlMs: number,
  temporary: NewFile,
  clearAway: (paths: readonly string[]) => void,
): Promise<GrantedLease | undefined> {
  const holder = JSON.stringify(await holderHere(ttlMs));
  const file = await createFile(temporary.path, holder, temporary.owner);
  const leftovers = [temporary.path];
  try {
    const [written, seen] = await Promise.all([closed(file), namesIn(directory, temporary.owner)]);
    const number = highestNumber(LEASES, seen);
    if (number > 0 && !(await isFree(join(directory, numberedName(LEASES, number)), written.mtimeMs))) return undefined;
    const names = await appendNumbered(directory, LEASES, number + 1, temporary.path, {
      durable: false,
      owner: temporary.owner,
    });
    if (names === undefined) return undefined;
    leftovers.push(...supersededNames(LEASES, names, number + 1).map((name) => join(directory, name)));
    const path = join(directory, numberedName(LEASES, number + 1));
    return { names, release: () => empty(path, written.ino, temporary.owner) };
  } finally {
    clearAway(leftovers);
  }
}

/** Closes a file that has just been written, and returns what the file system says of it: when that was, by its own clock. */
async function closed(file: FileHandle): Promise<Stats> {
  try {
    return await file.stat();
  } finally {
    await file.close();
  }
}

async function namesIn(directory: string, owner: StoreOwner | undefined): Promise<string[]> {
  const names = await readNames(directory);
  if (names.length === 0) await makeDirectory(directory, owner);
  return names;
}

async function isFree(path: string, now: number): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const holder = parseHolder(text);
    if (holder === undefined) return true;
    // From further ahead than it lasts: written before the clock was set back, so its age cannot be told.
    const isLapsed = mtimeMs + holder.ttlMs <= now || mtimeMs - holder.ttlMs > now;
    return isLapsed || (await hasEnded(holder));
  } catch (error) {
    // Another process has taken it over meanwhile.
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Empties the file, which stays, so that its number is not given out again. */
async function empty(path: string, inode: number, owner: StoreOwner | undefined): Promise<void> {
  try {
    await (owner === undefined ? truncate(path, 0) : inStore(owner, path, (inside) => emptyOwn(inside, inode)));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** Empties the very file that was written: the owner of the store may have put a link to a file of root in its place. */
async function emptyOwn(path: string, inode: number): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if ((await file.stat()).ino === inode) await file.truncate(0);
  } finally {
    await file.close();
  }
}
