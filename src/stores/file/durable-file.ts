import { type FileHandle, open, unlink } from 'node:fs/promises';
import { memberOf } from '../../core/foreign-objects.js';

export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/**
 * Creates a file that must not exist, and writes it whole. When that fails, no file is left at `path`.
 *
 * @returns the open file.
 */
export async function createFile(path: string, text: string): Promise<FileHandle> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(text);
    return file;
  } catch (error) {
    await file.close().catch(ignore);
    await removeFile(path);
    throw error;
  }
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
