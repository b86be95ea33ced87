import { accessSync, constants, readFileSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { memberOf } from '../../core/primitives/foreign-objects.js';
import { describePath, mayBeSecret } from '../../core/primitives/given-path.js';
import { textOfUtf8 } from '../../core/primitives/utf8-text.js';
import { UsageError } from '../failures/usage-error.js';
import type { GivenValue } from './option-values.js';

/**
 * Asserts that the path is a file that can be read.
 *
 * @throws UsageError naming the option and the path, unless the path may be a secret.
 */
export function assertReadableFile({ source, text }: GivenValue): void {
  try {
    accessSync(text, constants.R_OK);
    if (statSync(text).isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
  } catch (error) {
    throw unreadable(source, text, error);
  }
}

/**
 * Returns the text of a file, without a byte order mark.
 *
 * @throws UsageError naming the option and the path, unless the path may be a secret.
 */
export function readWholeFile({ source, text: path }: GivenValue): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw unreadable(source, path, error);
  }
  const text = textOfUtf8(bytes);
  if (text === undefined) throw new UsageError(`${source}: ${describePath(path)} is not encoded in UTF-8`);
  return text;
}

/**
 * Asserts that the path is a directory or does not exist.
 *
 * @throws UsageError for anything else.
 */
export function assertDirectory({ source, text }: GivenValue): void {
  if (statsOf({ source, text })?.isDirectory() ?? true) return;
  throw new UsageError(`${source} must be a directory, got a file`);
}

/**
 * Asserts that the path is not a directory. It need not exist.
 *
 * @throws UsageError for a directory.
 */
export function assertNoDirectory({ source, text }: GivenValue): void {
  if (statsOf({ source, text })?.isDirectory() !== true) return;
  throw new UsageError(`${source} must name a file, got a directory`);
}

const NO_PERMISSION = 'the current user has no permission: grant it access, or run the command as another user';

/** The descriptions of problems with a path, by the error code of the system. */
const TROUBLES: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'nothing is there'],
  ['ENOTDIR', 'one of its parent directories is a file'],
  ['EACCES', NO_PERMISSION],
  ['EPERM', NO_PERMISSION],
  ['EROFS', 'its volume is mounted read-only'],
  ['ENOSPC', 'no space is left on its volume'],
  ['ELOOP', 'its links form a loop'],
  ['ENAMETOOLONG', 'its name is too long'],
]);

/** Describes an error of the file system in a few words. */
export function troubleWith(error: unknown): string {
  const code = String(memberOf(error, 'code'));
  const trouble = TROUBLES.get(code);
  return trouble === undefined ? code : `${code}, ${trouble}`;
}

/**
 * Returns the stats of a path; `undefined` when it does not exist.
 *
 * @throws UsageError for a path that cannot be resolved.
 */
function statsOf({ source, text }: GivenValue): Stats | undefined {
  try {
    // The option `throwIfNoEntry` is not used, because since Node 22 it also covers a path below a file.
    return statSync(text);
  } catch (error) {
    if (memberOf(error, 'code') === 'ENOENT') return undefined;
    throw new UsageError(`${source}: ${describePath(text)} cannot be used: ${troubleWith(error)}`);
  }
}

/**
 * Asserts that the directory of the file exists.
 *
 * @throws UsageError when it does not, or is not a directory.
 */
export function assertDirectoryOf({ source, text }: GivenValue): void {
  const directory = dirname(text);
  if (statsOf({ source, text: directory })?.isDirectory() === true) return;
  throw new UsageError(`${source}: ${describePath(directory)} is not a directory: create it first`);
}

/**
 * Asserts that the path does not look like a secret.
 *
 * @throws UsageError for a path that is probably a key or a secret.
 */
export function assertNoSecret({ source, text }: GivenValue): void {
  if (mayBeSecret(text)) throw new UsageError(`${source} must be the path of a file, got what looks like a secret`);
}

function unreadable(source: string, path: string, error: unknown): UsageError {
  return new UsageError(`${source}: ${describePath(path)} cannot be read: ${troubleWith(error)}`);
}
