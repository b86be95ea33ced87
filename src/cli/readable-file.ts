import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { describeValue } from '../core/redact.js';
import type { GivenValue } from './option-values.js';
import { UsageError } from './usage-error.js';

/** Keys, secrets and URLs, which somebody may give where a path belongs. */
const SECRET = /:\/\/|wtm_|whsec_|^[A-Za-z0-9+/]{43}=$|(?=[^/\\.]*\d)[A-Za-z0-9+=_-]{24,}/;

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
 * @throws UsageError naming the option and the path, unless the path may be a secret.
 */
export function readWholeFile({ source, text }: GivenValue): string {
  try {
    return readFileSync(text, 'utf8');
  } catch (error) {
    throw unreadable(source, text, error);
  }
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
  if (SECRET.test(text)) throw new UsageError(`${source} must be the path of a file, got something like a secret`);
}

function unreadable(source: string, path: string, error: unknown): UsageError {
  const shown = SECRET.test(path) ? `what it was given, ${path.length} characters, ` : `${describePath(path)} `;
  return new UsageError(`${source}: ${shown}cannot be read: ${String((error as NodeJS.ErrnoException).code)}`);
}

function describePath(path: string): string {
  return /^[\x21-\x7e]{1,200}$/.test(path) ? path : describeValue(path);
}
