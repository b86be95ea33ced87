import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const SOURCES = join(import.meta.dirname, '../../../../src');
const COMPILER = join(import.meta.dirname, '../../../../node_modules/typescript/bin/tsc');
const OPTIONS = '--ignoreConfig --target es2023 --module nodenext --types node --skipLibCheck'.split(' ');

/** Starts processes that work on a FileStore, from its sources as they are now. */
export class RivalProcesses {
  readonly #directory = mkdtempSync(join(tmpdir(), 'file-rival-'));
  readonly #children: ChildProcess[] = [];

  constructor() {
    writeFileSync(join(this.#directory, 'package.json'), '{"type":"module"}');
    const source = join(SOURCES, 'stores/file/file-store.ts');
    execFileSync(process.execPath, [COMPILER, source, ...OPTIONS, '--rootDir', SOURCES, '--outDir', this.#directory]);
  }

  start(root: string, task: 'count' | 'lease', rounds = 0): ChildProcess {
    const module = pathToFileURL(join(this.#directory, 'stores/file/file-store.js')).href;
    const script = join(import.meta.dirname, 'file-rival.mjs');
    const child = spawn(process.execPath, [script, module, root, task, String(rounds)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true });
  }
}
