import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PAGE = Buffer.alloc(4_096);
const BALLAST = 'ballast';
/** The interval of filling up: shorter than the retries of a failed store, so that no page it frees is left for the next one. */
const TOP_UP_EVERY_MS = 20;

/** Mounts a file system of 1 MiB in memory that can be filled up and made read-only. */
export class MountedTmpfs implements Disposable {
  readonly directory: string;
  readonly #home: string;
  readonly #readOnlyView: string;
  #toppingUp: NodeJS.Timeout | undefined;
  #ballast: number | undefined;

  constructor() {
    this.#home = mkdtempSync(join(tmpdir(), 'wechat-tmpfs-'));
    this.directory = join(this.#home, 'disk');
    this.#readOnlyView = join(this.#home, 'read-only');
    mkdirSync(this.directory);
    mkdirSync(this.#readOnlyView);
    mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', this.directory);
  }

  /** Leaves no page free, and takes those that others free, until {@link free}. */
  fill(): void {
    this.#ballast = openSync(join(this.directory, BALLAST), 'a');
    this.#topUp();
    this.#toppingUp = setInterval(() => this.#topUp(), TOP_UP_EVERY_MS);
  }

  free(): void {
    this.#stopTopUp();
    rmSync(join(this.directory, BALLAST));
  }

  /**
   * Puts a read-only mount of the same file system on top of it: a plain `remount,ro` is refused while a file is open for
   * writing, which one of the store's always is.
   */
  makeReadOnly(): void {
    mount('--bind', this.directory, this.#readOnlyView);
    mount('-o', 'remount,bind,ro', this.#readOnlyView);
    mount('--bind', this.#readOnlyView, this.directory);
  }

  makeWritable(): void {
    unmount(this.directory);
    unmount(this.#readOnlyView);
  }

  [Symbol.dispose](): void {
    this.#stopTopUp();
    for (const directory of [this.directory, this.#readOnlyView]) while (unmount(directory));
    rmSync(this.#home, { recursive: true, force: true });
  }

  #topUp(): void {
    try {
      for (;;) writeSync(this.#ballast as number, PAGE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  #stopTopUp(): void {
    clearInterval(this.#toppingUp);
    if (this.#ballast !== undefined) closeSync(this.#ballast);
    this.#ballast = undefined;
  }
}

function mount(...args: string[]): void {
  execFileSync('mount', args);
}

/** Unmounts a directory, and returns whether something was mounted there. */
function unmount(directory: string): boolean {
  try {
    execFileSync('umount', ['-l', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
