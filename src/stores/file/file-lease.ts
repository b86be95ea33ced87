import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createFile, hasCode, makeDirectory } from './durable-file.js';
import { hasEnded, holderHere, parseHolder } from './lease-holder.js';
import { appendNumbered, highestNumber, LEASES, numberedName, readNames, supersededNames } from './numbered-files.js';
import { inStore, type StoreOwner } from './store-owner.js';
import type { NewFile } from './temporary-files.js';

/** A granted lease. */
export interface GrantedLease {
  /** The names in the directory after the lease was granted. */
  readonly names: readonly string[];
  release(): Promise<void>;
}

/**
 * Acquires the lease of a directory, which is created if it is missing. A lease is the file `lease-<number>`, and its age
 * is measured by the clock of the file system. To take over an expired lease, a process appends the next number, in which
 * only one process succeeds.
 *
 * @param temporary - a file that nothing else uses.
 * @param clearAway - removes files that are no longer needed, in the background.
 * @returns `undefined` if another process holds the lease.
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

/**
 * Closes a file that has just been written, and returns its stats, which contain the time of the write by the clock of
 * the file system.
 */
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
    // A lease from further in the future than it lasts was written before the clock was set back. Its age is unknown, so
    // that it counts as expired.
    const isLapsed = mtimeMs + holder.ttlMs <= now || mtimeMs - holder.ttlMs > now;
    return isLapsed || (await hasEnded(holder));
  } catch (error) {
    // Another process has taken over the lease in the meantime.
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Empties the file of a lease. It is not removed, so that its number is not used again. */
async function empty(path: string, inode: number, owner: StoreOwner | undefined): Promise<void> {
  try {
    await (owner === undefined ? truncate(path, 0) : inStore(owner, path, (inside) => emptyOwn(inside, inode)));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/**
 * Empties a file only if it is the one that was written. The owner of the store may have replaced it by a link to a file
 * of root.
 */
async function emptyOwn(path: string, inode: number): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if ((await file.stat()).ino === inode) await file.truncate(0);
  } finally {
    await file.close();
  }
}
