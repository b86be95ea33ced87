import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((system) => `/usr/lib/${system}/faketime/libfaketimeMT.so.1`)
  .filter((path) => existsSync(path));

/** Provides a wall clock for processes that is off by what the test says. Their monotonic time and file times stay true. */
export class OwnClock implements Disposable {
  static readonly TOOLS = { programs: ['faketime'] };
  readonly #home: string = mkdtempSync(join(tmpdir(), 'wechat-clock-'));
  readonly #file: string = join(this.#home, 'offset');

  constructor(offset: string) {
    this.jump(offset);
  }

  /** Returns the environment that makes a process use this clock. */
  get environment(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: LIBRARIES[0],
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** Sets by how much the clock is off from now on: `+1d`, `-1d`, `+0`. */
  jump(offset: string): void {
    // A process that reads it meanwhile must not see half a file.
    writeFileSync(`${this.#file}.new`, offset);
    renameSync(`${this.#file}.new`, this.#file);
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}
