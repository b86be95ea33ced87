import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((system) => `/usr/lib/${system}/faketime/libfaketimeMT.so.1`)
  .filter((path) => existsSync(path));

/** A wall clock for processes of a test, as far off as the test says. Their monotonic time and file times stay true. */
export class OwnClock implements Disposable {
  static readonly TOOLS = { programs: ['faketime'] };
  readonly #home: string = mkdtempSync(join(tmpdir(), 'wechat-clock-'));
  readonly #file: string = join(this.#home, 'offset');

  constructor(offset: string) {
    this.jump(offset);
  }

  /** What a process needs to go by this clock. */
  get environment(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: LIBRARIES[0],
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** From now on it is off by this: `+1d`, `-1d`, `+0`. */
  jump(offset: string): void {
    // Never half a file for who reads it meanwhile.
    writeFileSync(`${this.#file}.new`, offset);
    renameSync(`${this.#file}.new`, this.#file);
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}
