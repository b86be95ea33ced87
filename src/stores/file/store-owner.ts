import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** The user and the group that the directory of a store belongs to. */
export interface StoreOwner {
  readonly uid: number;
  readonly gid: number;
}

export const FILE_MODE = 0o600;
const ROOT_UID = 0;

/**
 * Returns the owner of a store whose directory is there and belongs to another user than root, for a process of root; else
 * `undefined`. What root writes is for root alone, so that the other processes of the store could not read it any more.
 */
export async function ownerToGiveTo(directory: string): Promise<StoreOwner | undefined> {
  if (process.geteuid?.() !== ROOT_UID) return undefined;
  const stats = await stat(directory).catch(() => undefined);
  return stats === undefined || stats.uid === ROOT_UID ? undefined : { uid: stats.uid, gid: stats.gid };
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
 * Opens a file that may be there already, and gives it to the owner of the store.
 *
 * @param flags - of `fs.constants`.
 */
export async function openFor(owner: StoreOwner | undefined, path: string, flags: number): Promise<FileHandle> {
  if (owner === undefined) return open(path, flags, FILE_MODE);
  // Neither kind of link may lead root to another file.
  const file = await open(path, flags | constants.O_NOFOLLOW, FILE_MODE);
  try {
    if ((await file.stat()).nlink === 1) await giveTo(owner, file);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Gives a directory that has just been made to the owner of the store. */
export async function giveDirectoryTo(owner: StoreOwner | undefined, path: string): Promise<void> {
  if (owner === undefined) return;
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await giveTo(owner, directory);
  } finally {
    await directory.close();
  }
}
