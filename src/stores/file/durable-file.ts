import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { memberOf } from '../../core/primitives/foreign-objects.js';
import { FILE_MODE, giveDirectoryTo, giveTo, inStore, type StoreOwner } from './store-owner.js';

const DIRECTORY_MODE = 0o700;

/**
 * Creates a file that must not exist, and writes it whole. When that fails, no file is left at `path`.
 *
 * @param owner - the user that the file is given to; absent: it belongs to that of this process.
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
 * Makes a directory and those above it that are missing. Node's own way never comes back on file systems that let nothing be
 * made and say that the directory above is missing, such as `/proc`.
 *
 * @param owner - the user that each of them is given to; absent: they belong to that of this process.
 * @returns the first directory that was made; `undefined` when there was none to make.
 */
export async function makeDirectory(path: string, owner?: StoreOwner): Promise<string | undefined> {
  try {
    return await makeOne(path, owner);
  } catch (error) {
    const parent = dirname(path);
    // The directory of a store that has an owner was there before.
    if (!hasCode(error, 'ENOENT') || parent === path || path === owner?.directory) throw error;
    const first = await makeDirectory(parent, owner);
    const made = await makeOne(path, owner);
    return first ?? made;
  }
}

/** Returns the path if there was no such directory before. */
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

/** Makes the entries of a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows keeps directory entries durable by itself and refuses to open a directory.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Removes a file if it can: what stays behind is harmless. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch(ignore);
}

/** Tells whether this is the system's error of that code, also where Node's errors are of another realm than this module. */
export function hasCode(error: unknown, code: string): boolean {
  return memberOf(error, 'code') === code;
}

function ignore(): void {}
