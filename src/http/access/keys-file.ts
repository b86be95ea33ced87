import { type BigIntStats, statSync } from 'node:fs';
import type { Clock } from '../../core/concurrency/clock.js';
import { noop } from '../../core/primitives/noop.js';
import type { ApiKey } from './api-key.js';
import { keysIn, textOf, unreadable, unusable } from './keys-document.js';

const LOOK_MS = 1_000;

/** Reads a file `{ "keys": [...] }` that may change at any time. While it cannot be used, the previous keys stay in force. */
export class KeysFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onBroken: (error: Error) => void;
  #keys: readonly ApiKey[];
  /** The stamp of the file that the keys in force are from. */
  #stamp: string;
  #lookedAt: number;
  #reported: string | undefined;

  /**
   * @param onBroken - told when the file can no longer be used, once for each reason until it can be used again. By
   * default nothing is told.
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

  /** Returns the keys in force: the same array until the file has changed. Looks at the file once a second at most. */
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
 * Returns what is another text for another file. The time of the last change cannot be set back, as that of the content can.
 *
 * @throws TypeError for what is no file, such as a pipe, whose reading would never end.
 */
function stampOf(path: string): string {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch (error) {
    throw unreadable(path, error);
  }
  // A directory is told of as such when it is read.
  if (!stats.isFile() && !stats.isDirectory()) throw unusable(path, 'is no regular file');
  return `${stats.mtimeNs} ${stats.ctimeNs} ${stats.size} ${stats.ino}`;
}
