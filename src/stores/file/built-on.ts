import type { FileHandle } from 'node:fs/promises';

/**
 * The modification time that marks a version that has a successor: no file is written at the start of the epoch. The mark
 * belongs to the file and not to its name, so that its writer finds it even if the name has been removed.
 */
const MARK = 0;

/**
 * Marks a version that is current while its file is open. Each writer does this before it links the successor, so that
 * the writer of the version can tell later whether it ever was current.
 */
export async function markBuiltOn(file: FileHandle): Promise<void> {
  // Only the owner may set the mark. Without it a stalled writer reports its version as lost, as older releases do.
  await file.utimes(MARK, MARK).catch(() => undefined);
}

/** Returns whether a version is marked as one that has a successor, and therefore was current. */
export async function isBuiltOn(file: FileHandle): Promise<boolean> {
  const { mtimeMs } = await file.stat();
  return mtimeMs === MARK;
}
