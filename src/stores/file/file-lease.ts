import { type FileHandle, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { createFile, hasCode, makeDirectory } from './durable-file.js';
import { hasEnded, holderHere, parseHolder } from './lease-holder.js';
import { appendNumbered, highestNumber, LEASES, numberedName, readNames, supersededNames } from './numbered-files.js';
import type { StoreOwner } from './store-owner.js';
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
    const [now, seen] = await Promise.all([writtenAt(file), namesIn(directory, temporary.owner)]);
    const number = highestNumber(LEASES, seen);
    if (number > 0 && !(await isFree(join(directory, numberedName(LEASES, number)), now))) return undefined;
    const names = await appendNumbered(directory, LEASES, number + 1, temporary.path, { durable: false });
    if (names === undefined) return undefined;
    leftovers.push(...supersededNames(LEASES, names, number + 1).map((name) => join(directory, name)));
    return { names, release: () => empty(join(directory, numberedName(LEASES, number + 1))) };
  } finally {
    clearAway(leftovers);
  }
}

/** Closes a file that has just been written, and returns when that was by the clock of the file system. */
async function writtenAt(file: FileHandle): Promise<number> {
  try {
    const { mtimeMs } = await file.stat();
    return mtimeMs;
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
    // Somebody has taken it over meanwhile.
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** The file stays, so that its number is not given out again. */
async function empty(path: string): Promise<void> {
  try {
    await truncate(path, 0);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
