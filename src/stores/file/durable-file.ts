import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { memberOf } from '../../core/primitives/foreign-objects.js';
import { FILE_MODE, giveDirectoryTo, giveTo, inStore, type StoreOwner } from './store-owner.js';

const DIRECTORY_MODE = 0o700;

/**
 * Creates a file, which must not exist, and writes its content. If that fails, no file is left at `path`.
 *
 * @param owner - the owner of the file; absent for the user of this process.
 * @returns the open file.
 */
export async function createFile(path: string, text: string, owner?: StoreOwner): Promise<FileHandle> {
  const file = await inStore(owner, path, (inside) => open(inside, 'wx', FILE_MODE));
  try {
    await giveTo(owner, file);
    await file.writeFile(text);
    return file;
  } catch (error) {
    await file.close().catch(ignore);
    await removeFile(path);
    throw error;
  }
}

/**
 * Creates a directory and all missing ones above it. The function of Node would loop forever on file systems that refuse
 * to create a directory and report that its parent is missing, such as `/proc`.
 *
 * @param owner - the owner of these directories; absent for the user of this process.
 * @returns the first directory that was created; `undefined` if none was missing.
 */
export async function makeDirectory(path: string, owner?: StoreOwner): Promise<string | undefined> {
  try {
    return await makeOne(path, owner);
  } catch (error) {
    const parent = dirname(path);
    // A store with an owner has existed before, so that its directory is not created again.
    if (!hasCode(error, 'ENOENT') || parent === path || path === owner?.directory) throw error;
    const first = await makeDirectory(parent, owner);
    const made = await makeOne(path, owner);
    return first ?? made;
  }
}

/** Creates one directory, and returns its path; `undefined` if it existed. */
async function makeOne(path: string, owner: StoreOwner | undefined): Promise<string | undefined> {
  try {
    await inStore(owner, path, async (inside) => {
      await mkdir(inside, { mode: DIRECTORY_MODE });
      await giveDirectoryTo(owner, inside);
    });
    return path;
  } catch (error) {
    if (!hasCode(error, 'EEXIST') || !(await isDirectory(path))) throw error;
    return undefined;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  const stats = await stat(path).catch(ignore);
  return stats?.isDirectory() === true;
}

/** Makes the entries of a directory durable, so that they survive a power failure. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows keeps directory entries durable itself, and refuses to open a directory.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Removes a file if possible. A file that remains is harmless. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch(ignore);
}

/** Returns whether this is the system's error with that code, even if it comes from another realm than this module. */
export function hasCode(error: unknown, code: string): boolean {
  return memberOf(error, 'code') === code;
}

function ignore(): void {}
