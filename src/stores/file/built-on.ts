import type { FileHandle } from 'node:fs/promises';

/**
 * The modification time that marks a version on which another one is built: no file is written at the start of the epoch. The
 * mark belongs to the file and not to its name, so that its writer finds it also when the name has been cleared away.
 */
const MARK = 0;

/**
 * Marks a version that was in force while the file was open. Before its successor is linked each writer does this, so that the
 * writer of a version can tell later whether it ever was in force.
 */
export async function markBuiltOn(file: FileHandle): Promise<void> {
  // Without the mark, which the owner alone may set, a stalled writer takes its version for lost, as older releases do.
  await file.utimes(MARK, MARK).catch(() => undefined);
}

/** Returns whether this version has been marked as one on which another is built, and so was in force. */
export async function isBuiltOn(file: FileHandle): Promise<boolean> {
  const { mtimeMs } = await file.stat();
  return mtimeMs === MARK;
}
