import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SIZE = 16 * 1_024 * 1_024;

/** A program that reads directories and shuts the ext4 there down; it prints "done" when nothing reaches the disk any more. */
const SHUTDOWN = `
import fcntl, os, struct, sys
EXT4_IOC_SHUTDOWN = 0x8004587d
NO_LOG_FLUSH = 2
for line in sys.stdin:
    directory = os.open(line.rstrip("\\n"), os.O_RDONLY)
    fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    os.close(directory)
    print("done", flush=True)
`;

/** Provides an ext4 in a file, whose power can be cut: what was not synced is lost, and nothing more is written. */
export class Ext4Image implements AsyncDisposable {
  static readonly TOOLS = { root: true, programs: ['mkfs.ext4', 'mount', 'umount', 'losetup', 'python3'] };
  readonly directory: string;
  readonly #home: string;
  readonly #image: string;
  readonly #shutdown: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    this.#home = mkdtempSync(join(tmpdir(), 'wechat-ext4-'));
    this.#image = join(this.#home, 'image');
    this.directory = join(this.#home, 'disk');
    mkdirSync(this.directory);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, SIZE);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#image]);
    const shutdown = spawn('python3', ['-u', '-c', SHUTDOWN], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#shutdown = shutdown;
    this.#answers = createInterface({ input: shutdown.stdout })[Symbol.asyncIterator]();
  }

  async mount(): Promise<void> {
    await run('mount', ['-o', 'loop', this.#image, this.directory]);
  }

  async unmount(): Promise<void> {
    await run('umount', [this.directory]);
  }

  async cutPower(): Promise<void> {
    this.#shutdown.stdin?.write(`${this.directory}\n`);
    const { value } = await this.#answers.next();
    if (value !== 'done') throw new Error('the file system could not be shut down');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['-l', this.directory]).catch(() => undefined);
    if (this.#shutdown.exitCode === null) {
      const exited = once(this.#shutdown, 'exit');
      this.#shutdown.kill();
      await exited;
    }
    rmSync(this.#home, { recursive: true, force: true });
  }
}
