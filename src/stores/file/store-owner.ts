import { constants } from 'node:fs';
import { type FileHandle, open, readlink, unlink } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { isError, memberOf } from '../../core/primitives/foreign-objects.js';
import { FileFailure } from './file-failure.js';

/** The user and the group that the directory of a store belongs to, where root writes for them. */
export interface StoreOwner {
  readonly uid: number;
  readonly gid: number;
  /** The directory of the store, as it was given. */
  readonly directory: string;
  /** The real place of that directory, whatever links lead to it. */
  readonly root: string;
}

export const FILE_MODE = 0o600;
const ROOT_UID = 0;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
/** A pipe in the place of a file must not hold up root either. */
const NO_LINK = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAKING = constants.O_CREAT | constants.O_TRUNC;

/**
 * Returns the owner of a store whose directory is there and belongs to another user than root, for a process of root; else
 * `undefined`. What root writes is for root alone, so that the other processes of the store could not read it any more. Where the
 * system does not show what a handle has open, nothing is given away.
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
 * Calls `work` with another path of the same file, which goes by the handle of its directory: the owner of the store may put links
 * in the place of directories at any time, and none of them may lead root out of the store.
 *
 * @throws FileFailure when a link has led out of the store already.
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
 * Gives an open file or directory to the owner of the store. It goes by the handle and not by the name, in whose place the owner
 * may have put a link to a file of root.
 */
export async function giveTo(owner: StoreOwner | undefined, file: FileHandle): Promise<void> {
  if (owner === undefined) return;
  // The root of a container may not give files away: then they stay its own.
  await file.chown(owner.uid, owner.gid).catch(() => undefined);
}

/**
 * Opens a file that may be there already. One that is made is given to the owner of the store, and no other: the owner may have
 * moved a file of root to its place.
 *
 * @param flags - of `fs.constants`.
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

/** Gives a directory that has just been made to the owner of the store. */
export async function giveDirectoryTo(owner: StoreOwner | undefined, path: string): Promise<void> {
  if (owner === undefined) return;
  const directory = await open(path, DIRECTORY | constants.O_NOFOLLOW);
  try {
    await giveTo(owner, directory);
  } finally {
    await directory.close();
  }
}

/** Opens a file that is there; returns `undefined` for none, and takes away a hard link, which may be to a file of root. */
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

/** Refuses a directory outside the store. One of the owner is as good as one in the store. */
async function assertInStore({ uid, root }: StoreOwner, directory: FileHandle, path: string): Promise<void> {
  const place = await readlink(pathOf(directory));
  if (place === root || place.startsWith(`${root}${sep}`) || (await directory.stat()).uid === uid) return;
  const message = `a link leads from the directory of ${path} out of the store: remove the link, which root does not follow`;
  throw new FileFailure(message, 'ELOOP');
}

/** Returns where Linux shows what a handle has open, and takes it for a directory in paths. */
function pathOf(directory: FileHandle): string {
  return `/proc/self/fd/${directory.fd}`;
}
