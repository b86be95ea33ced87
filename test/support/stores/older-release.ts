import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const NAME = 'wechat-token-manager';
/** The directory of what {@link Worker} runs, under the root. */
const SCRIPTS = 'test/e2e/processes';

/** Unpacks a release into a folder of its own, beside the dependencies of this tree. */
export class OlderRelease implements AsyncDisposable {
  /** The program of a worker that imports the release. */
  readonly workerScript: string;
  /** The address of its main module, to be imported in this process. */
  readonly module: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.workerScript = join(folder, SCRIPTS, 'worker.mjs');
    this.module = pathToFileURL(join(folder, 'node_modules', NAME, 'dist/index.js')).href;
  }

  static async unpack(commit: string): Promise<OlderRelease> {
    const folder = await mkdtemp(join(tmpdir(), 'older-release-'));
    const modules = join(folder, 'node_modules');
    const own = join(modules, NAME);
    await mkdir(own, { recursive: true });
    const archive = join(ROOT, 'test/upgrades', `${NAME}-${commit}.tgz`);
    await promisify(execFile)('tar', ['-xzf', archive, '-C', own, '--strip-components=1']);
    const dependencies = await readdir(join(ROOT, 'node_modules'));
    const linked = dependencies.filter((name) => name !== NAME && !name.startsWith('.'));
    await Promise.all(linked.map((name) => symlink(join(ROOT, 'node_modules', name), join(modules, name))));
    await cp(join(ROOT, SCRIPTS), join(folder, SCRIPTS), { recursive: true });
    return new OlderRelease(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
