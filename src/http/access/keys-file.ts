import { statSync } from 'node:fs';
import type { Clock } from '../../core/clock.js';
import { warnProcess } from '../process-warning.js';
import type { ApiKey } from './api-key.js';
import { keysIn, textOf, unreadable } from './keys-document.js';

const LOOK_MS = 1_000;

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
  constructor(path: string, clock: Clock, onBroken: (error: Error) => void = warnProcess) {
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

function stampOf(path: string): string {
  try {
    const { mtimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch (error) {
    throw unreadable(path, error);
  }
}
