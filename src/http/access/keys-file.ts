import { type BigIntStats, statSync } from 'node:fs';
import type { Clock } from '../../core/concurrency/clock.js';
import { noop } from '../../core/primitives/noop.js';
import type { ApiKey } from './api-key.js';
import { keysIn, textOf, unreadable, unusable } from './keys-document.js';

const LOOK_MS = 1_000;

/** Reads a file `{ "keys": [...] }` that may change at any time. While it cannot be used, the previous keys remain valid. */
export class KeysFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onBroken: (error: Error) => void;
  #keys: readonly ApiKey[];
  /** The stamp of the file from which the current keys were read. */
  #stamp: string;
  #lookedAt: number;
  #reported: string | undefined;

  /**
   * @param onBroken - receives the error when the file can no longer be used, once for each reason until it can be used
   *   again. By default it is not reported.
   * @throws TypeError naming the path and what is wrong with the file.
   */
  constructor(path: string, clock: Clock, onBroken: (error: Error) => void = noop) {
    this.#path = path;
    this.#clock = clock;
    this.#onBroken = onBroken;
    this.#lookedAt = clock.monotonic();
    this.#stamp = stampOf(path);
    this.#keys = keysIn(path, textOf(path));
  }

  /** Returns the current keys, which are the same array until the file has changed. It checks the file at most once a second. */
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
      // The stamp is taken before the content is read, so that a change in between results in another stamp and the file
      // is read again.
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
 * Returns a text that differs for every version of the file. It includes the time of the last status change, because
 * programs can set the modification time back, but not that.
 *
 * @throws TypeError for anything but a regular file, such as a pipe, which could block forever.
 */
function stampOf(path: string): string {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch (error) {
    throw unreadable(path, error);
  }
  // A directory passes here because reading it fails with an error of its own.
  if (!stats.isFile() && !stats.isDirectory()) throw unusable(path, 'is no regular file');
  return `${stats.mtimeNs} ${stats.ctimeNs} ${stats.size} ${stats.ino}`;
}
