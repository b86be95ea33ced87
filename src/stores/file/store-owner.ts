import { constants } from 'node:fs';
import { type FileHandle, open, readlink, unlink } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { isError, memberOf } from '../../core/primitives/foreign-objects.js';
import { FileFailure } from './file-failure.js';

/** The user and group that own the directory of a store, for which root writes. */
export interface StoreOwner {
  readonly uid: number;
  readonly gid: number;
  /** The directory of the store as it was given. */
  readonly directory: string;
  /** The real path of that directory, with all links resolved. */
  readonly root: string;
}

export const FILE_MODE = 0o600;
const ROOT_UID = 0;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
/** The flags that refuse links, and keep a pipe in the place of a file from blocking root. */
const NO_LINK = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAKING = constants.O_CREAT | constants.O_TRUNC;

/**
 * Returns the owner of an existing store that belongs to another user, if this process runs as root. New files are given
 * to that owner, because otherwise only root could read them. Returns `undefined` in all other cases, and if the system
 * does not show the path of a handle.
 */
export async function ownerToGiveTo(directory: string): Promise<StoreOwner | undefined> {
  if (process.geteuid?.() !== ROOT_UID) return undefined;
  const opened = await open(directory, DIRECTORY).catch(() => undefined);
  if (opened === undefined) return undefined;
  try {
    const { uid, gid } = await opened.stat();
    const root = uid === ROOT_UID ? undefined : await readlink(pathOf(opened)).catch(() => undefined);
    return root === undefined ? undefined : { uid, gid, directory, root };
  } finally {
    await opened.close();
  }
}

/**
 * Calls `work` with another path to the same file, which goes through the handle of its directory. The owner of the store
 * may replace directories by links at any time, which must not lead root out of the store.
 *
 * @throws FileFailure if a link has led out of the store already.
 */
export async function inStore<Result>(
  owner: StoreOwner | undefined,
  path: string,
  work: (path: string) => Promise<Result>,
): Promise<Result> {
  if (owner === undefined) return work(path);
  const directory = await open(dirname(path), DIRECTORY);
  try {
    await assertInStore(owner, directory, path);
    return await work(join(pathOf(directory), basename(path)));
  } catch (error) {
    throw isError(error) && memberOf(error, 'path') !== undefined ? Object.assign(error, { path }) : error;
  } finally {
    await directory.close();
  }
}

/**
 * Gives an open file or directory to the owner of the store. It uses the handle and not the name, because the owner may
 * have put a link to a file of root in its place.
 */
export async function giveTo(owner: StoreOwner | undefined, file: FileHandle): Promise<void> {
  if (owner === undefined) return;
  // Root in a container may lack the permission to change owners. The files then remain its own.
  await file.chown(owner.uid, owner.gid).catch(() => undefined);
}

/**
 * Opens a file that may exist. Only a file that it creates is given to the owner of the store, because an existing one
 * may be a file of root that the owner has moved there.
 *
 * @param flags - flags of `fs.constants`.
 */
export async function openFor(owner: StoreOwner | undefined, path: string, flags: number): Promise<FileHandle> {
  if (owner === undefined) return open(path, flags, FILE_MODE);
  return inStore(owner, path, async (inside) => {
    const there = await openThere(inside, flags);
    if (there !== undefined) return there;
    const file = await open(inside, flags | NO_LINK | constants.O_EXCL, FILE_MODE);
    await giveTo(owner, file);
    return file;
  });
}

/** Gives a directory that was just created to the owner of the store. */
export async function giveDirectoryTo(owner: StoreOwner | undefined, path: string): Promise<void> {
  if (owner === undefined) return;
  const directory = await open(path, DIRECTORY | constants.O_NOFOLLOW);
  try {
    await giveTo(owner, directory);
  } finally {
    await directory.close();
  }
}

/**
 * Opens an existing file; returns `undefined` if there is none. A file with several hard links may be one of root, so
 * that its name is removed.
 */
async function openThere(path: string, flags: number): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, (flags & ~MAKING) | NO_LINK);
  } catch (error) {
    if (memberOf(error, 'code') === 'ENOENT') return undefined;
    throw error;
  }
  try {
    if ((await file.stat()).nlink === 1) {
      if ((flags & constants.O_TRUNC) !== 0) await file.truncate(0);
      return file;
    }
    await unlink(path);
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

/** Refuses a directory outside the store, unless it belongs to the owner, who could write there anyway. */
async function assertInStore({ uid, root }: StoreOwner, directory: FileHandle, path: string): Promise<void> {
  const place = await readlink(pathOf(directory));
  if (place === root || place.startsWith(`${root}${sep}`) || (await directory.stat()).uid === uid) return;
  const message = `a link leads from the directory of ${path} out of the store: remove the link, which root does not follow`;
  throw new FileFailure(message, 'ELOOP');
}

/** Returns the path at which Linux provides the directory of a handle. */
function pathOf(directory: FileHandle): string {
  return `/proc/self/fd/${directory.fd}`;
}
