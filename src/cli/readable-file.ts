import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { describePath, mayBeSecret } from '../core/given-path.js';
import { textOfUtf8 } from '../core/utf8-text.js';
import type { GivenValue } from './option-values.js';
import { UsageError } from './usage-error.js';

/**
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
 * Returns the text of a file without a byte order mark.
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
 * @throws UsageError for something else than a directory; it need not be there.
 */
export function assertDirectory({ source, text }: GivenValue): void {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory() ?? true) return;
  throw new UsageError(`${source} must be a directory, got a file`);
}

/**
 * @throws UsageError for a directory; a file need not be there.
 */
export function assertNoDirectory({ source, text }: GivenValue): void {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  throw new UsageError(`${source} must name a file, got a directory`);
}

/**
 * @throws UsageError for a path that is rather a key or a secret.
 */
export function assertNoSecret({ source, text }: GivenValue): void {
  if (mayBeSecret(text)) throw new UsageError(`${source} must be the path of a file, got something like a secret`);
}

function unreadable(source: string, path: string, error: unknown): UsageError {
  return new UsageError(
    `${source}: ${describePath(path)} cannot be read: ${String((error as NodeJS.ErrnoException).code)}`,
  );
}
