import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { ApiKey } from './api-key.js';
import { checkedIn, codeOf, documentIn, textOf, unreadable } from './keys-document.js';

const FILE_MODE = 0o600;
type Access = Pick<Stats, 'mode' | 'uid' | 'gid'>;

const LOOK_AT_LOCK_EVERY_MS = 20;
const MAX_LOOKS = 100;

/**
 * Adds a key to the file, which is created if it is missing. The file is replaced as a whole, so that no reader sees a
 * part of it.
 *
 * @throws TypeError when the file is broken, or has a key with this id.
 */
export function appendKey(path: string, entry: ApiKey): void {
  change(path, (keys) => [...keys, entry]);
}

/**
 * Removes a key from the file.
 *
 * @returns the ids of all keys before the change; without `id` among them nothing has changed.
 * @throws TypeError when the file is broken.
 */
export function removeKey(path: string, id: string): readonly string[] {
  let ids: readonly string[] = [];
  change(path, (keys) => {
    ids = keys.map((key) => key.id);
    return keys.filter((key) => key.id !== id);
  });
  return ids;
}

/** Changes the keys in a file, and keeps everything else in it. */
function change(path: string, changed: (keys: readonly ApiKey[]) => readonly ApiKey[]): void {
  const target = linkedPath(path);
  underLock(target ?? path, () => {
    const source = target ?? linkedPath(path);
    const document = source === undefined ? { keys: [] } : documentIn(path, textOf(source));
    const keys = checkedIn(path, changed(checkedIn(path, document.keys)));
    replaceFile(target ?? path, `${JSON.stringify({ ...document, keys }, undefined, 2)}\n`);
  });
}

/** Runs the work under a lock, so that of two concurrent changes none is lost. */
function underLock(path: string, work: () => void): void {
  const lock = `${path}.lock`;
  for (let looks = 1; !tryToCreate(lock); looks++) {
    if (looks === MAX_LOOKS) throw new Error(`${path} is being changed by another process; if not, remove ${lock}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_AT_LOCK_EVERY_MS);
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function tryToCreate(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Returns the target of a symbolic link, so that the target is replaced and not the link; `undefined` if it does not
 * exist yet.
 */
function linkedPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
}

function replaceFile(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = openSync(temporary, 'wx', FILE_MODE);
    try {
      writeFileSync(file, text);
      if (before !== undefined) keepAccess(file, before);
      else if (isRoot()) keepAccess(file, accessIn(statSync(dirname(path))));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

/** Gives a file the owner and the mode of its predecessor, so that a server that runs as another user can still read it. */
function keepAccess(file: number, { mode, uid, gid }: Access): void {
  fchmodSync(file, mode & 0o777);
  try {
    fchownSync(file, uid, gid);
  } catch {
    // Only root may change the owner of a file.
  }
}

/**
 * Returns whether this process runs as root. Files that root creates need another owner, because the server usually runs
 * as another user.
 */
function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Returns the access to a new file, which lets those read it that may enter its directory: the file belongs to the owner
 * and the group of the directory, so that a server that can reach the directory can read it.
 */
function accessIn({ mode, uid, gid }: Stats): Access {
  const ofGroup = (mode & 0o010) === 0 ? 0 : 0o040;
  const ofOthers = (mode & 0o001) === 0 ? 0 : 0o004;
  return { mode: FILE_MODE | ofGroup | ofOthers, uid, gid };
}

function syncDirectory(path: string): void {
  // Windows keeps directory entries durable itself, and refuses to open a directory.
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
