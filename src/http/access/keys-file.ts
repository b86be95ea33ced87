import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import { describeKind } from '../../core/redact.js';
import { type ApiKey, checkedApiKeys } from './api-key.js';

const LOOK_MS = 1_000;
const FILE_MODE = 0o600;

/** A file `{ "keys": [...] }` that may be changed at any time. While it cannot be used, the keys before stay in force. */
export class KeysFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onBroken: (error: Error) => void;
  #keys: readonly ApiKey[];
  /** Of the file that the keys in force are from. */
  #stamp: string;
  #lookedAt: number;
  #reported: string | undefined;

  /**
   * @param onBroken - told when the file can no longer be used, once for each reason until it can be used again. By
   * default the process warns.
   * @throws TypeError naming the path and what is wrong with the file.
   */
  constructor(path: string, clock: Clock, onBroken: (error: Error) => void = warn) {
    this.#path = path;
    this.#clock = clock;
    this.#onBroken = onBroken;
    this.#lookedAt = clock.monotonic();
    this.#stamp = stampOf(path);
    this.#keys = keysIn(path, textOf(path));
  }

  /** The keys in force: the same array until the file has changed. Looks at the file once a second at most. */
  current(): readonly ApiKey[] {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      this.#look();
    }
    return this.#keys;
  }

  #look(): void {
    try {
      // Before the content: a change in between makes another stamp, and so another reading.
      const stamp = stampOf(this.#path);
      if (stamp !== this.#stamp) this.#keys = keysIn(this.#path, textOf(this.#path));
      this.#stamp = stamp;
      this.#reported = undefined;
    } catch (error) {
      this.#report(error as Error);
    }
  }

  #report(error: Error): void {
    if (error.message === this.#reported) return;
    this.#reported = error.message;
    this.#onBroken(error);
  }
}

/**
 * Adds a key to the file, which is made if it is missing and replaced as a whole, so that no reader sees half of it. Of
 * two that are added at the same moment, one may be lost.
 *
 * @throws TypeError when the file is broken, or has a key of this id.
 */
export function appendKey(path: string, entry: ApiKey): void {
  const target = linkedPath(path);
  const document = target === undefined ? { keys: [] } : documentIn(path, textOf(target));
  const keys = checkedIn(path, [...checkedIn(path, document.keys), entry]);
  replaceFile(target ?? path, `${JSON.stringify({ ...document, keys }, undefined, 2)}\n`);
}

function stampOf(path: string): string {
  try {
    const { mtimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function keysIn(path: string, text: string): readonly ApiKey[] {
  return checkedIn(path, documentIn(path, text).keys);
}

/** The errors of `JSON.parse` are not passed on, because they quote the text. */
function documentIn(path: string, text: string): JsonObject {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw unusable(path, 'is not JSON');
  }
  if (isJsonObject(document)) return document;
  throw unusable(path, `must hold an object like { "keys": [] }, got ${describeKind(document)}`);
}

function checkedIn(path: string, keys: unknown): readonly ApiKey[] {
  try {
    return checkedApiKeys(keys);
  } catch (error) {
    throw unusable(path, `is wrong: ${(error as TypeError).message}`);
  }
}

/** Where a link leads, so that the file is replaced and not the link; `undefined` where there is nothing yet. */
function linkedPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
}

function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = openSync(temporary, 'wx', FILE_MODE);
    try {
      writeFileSync(file, text);
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

function syncDirectory(path: string): void {
  // Windows keeps directory entries durable by itself and refuses to open a directory.
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function unreadable(path: string, error: unknown): TypeError {
  return unusable(path, `cannot be read: ${codeOf(error)}`);
}

function unusable(path: string, reason: string): TypeError {
  return new TypeError(`${path} ${reason}`);
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

function warn(error: Error): void {
  process.emitWarning(error);
}
