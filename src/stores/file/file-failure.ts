import { isError, memberOf } from '../../core/primitives/foreign-objects.js';
import { onOneLine } from '../../core/primitives/redact.js';
import { StoreFailure } from '../../core/primitives/store-failure.js';

/** The descriptions of the system's error codes, with the remedies. */
const MEANINGS: ReadonlyMap<string, readonly [what: (path: string, root: string) => string, remedy: string]> = new Map([
  [
    'EACCES',
    [
      (path) => `no permission for ${path}`,
      'grant it to the user that this process runs as, or run all processes as its owner',
    ],
  ],
  ['EROFS', [(path) => `${path} is on a volume that is mounted read-only`, 'mount it for writing, or move the store']],
  [
    'ENOSPC',
    [
      (_, root) => `no space is left on the volume of ${root}`,
      'free space, or inodes, or move the store to another volume',
    ],
  ],
  ['EDQUOT', [(_, root) => `the disk quota on the volume of ${root} is used up`, 'free space, or raise the quota']],
  [
    'EMFILE',
    [
      (path) => `${path} cannot be opened, because too many files are open`,
      'raise the limit of open files (ulimit -n)',
    ],
  ],
  [
    'ENFILE',
    [
      (path) => `${path} cannot be opened, because too many files are open`,
      'raise the limit of the system (fs.file-max)',
    ],
  ],
  ['EIO', [(path) => `the volume failed to read or write ${path}`, 'check the system log']],
  ['EEXIST', [(path) => `${path} is a file, not a directory`, 'remove it, or move the store']],
  ['ENOTDIR', [(path) => `${path} is below a file, not below a directory`, 'remove the file, or move the store']],
  ['ENOENT', [(path) => `${path} has been removed`, 'do not remove files of a store that is in use']],
]);

/** The codes with which systems report that a volume does not support hard links. */
const LINK_REFUSALS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Reports what the file system refused, with the path and the remedy. `code` is the system's. */
export class FileFailure extends StoreFailure {
  override readonly name: string = 'FileFailure';
}

/**
 * Returns the failure for an error of the file system. Any other value is returned unchanged.
 *
 * @param root - the directory of the store. It is named if the error has no path, as after a write to an open file.
 */
export function fileFailure(error: unknown, root: string): unknown {
  const code = memberOf(error, 'code');
  const syscall = memberOf(error, 'syscall');
  if (error instanceof FileFailure || !isError(error)) return error;
  if (typeof code !== 'string' || !/^E[A-Z0-9]{2,20}$/.test(code) || typeof syscall !== 'string') return error;
  return new FileFailure(describe(code, syscall, pathOf(error, root), onOneLine(root)), code);
}

function describe(code: string, syscall: string, path: string, root: string): string {
  const where = `(${code} at ${syscall})`;
  if (syscall === 'link' && LINK_REFUSALS.has(code)) {
    return `the volume of ${root} has no hard links ${where}: move the store to one that has them, unlike FAT, exFAT and some network mounts`;
  }
  if (syscall === 'mkdir' && code === 'ENOENT') {
    return `${path} cannot be created ${where}: move the store to a volume where directories can be created, and check for a broken link above it`;
  }
  const meaning = MEANINGS.get(code === 'EPERM' ? 'EACCES' : code);
  if (meaning === undefined) return `the file system refused ${path} ${where}`;
  const [what, remedy] = meaning;
  return `${what(path, root)} ${where}: ${remedy}`;
}

function pathOf(error: unknown, root: string): string {
  const path = memberOf(error, 'path');
  return onOneLine(typeof path === 'string' && path !== '' ? path : root);
}
