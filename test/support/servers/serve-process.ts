import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A line of the server's log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** Provides a directory for one test: the package as it was built, and a store. */
export class ServeWorld implements AsyncDisposable {
  readonly directory: string;
  /** The directory where servers are started; as a rule that of the tests. */
  readonly #cwd: string | undefined;
  readonly #servers: ServeProcess[] = [];

  private constructor(directory: string, cwd?: string) {
    this.directory = directory;
    this.#cwd = cwd;
  }

  static async create(): Promise<ServeWorld> {
    const world = await ServeWorld.#withPackage();
    await symlink(join(ROOT, 'node_modules'), world.path('app/node_modules'));
    return world;
  }

  /**
   * Installs the package with its dependencies and nothing else, to be started in a directory of its own.
   *
   * @param beside - packages that are installed beside it.
   * @param here - packages that are installed where it is started.
   */
  static async installed(beside: readonly string[] = [], here: readonly string[] = []): Promise<ServeWorld> {
    const world = await ServeWorld.#withPackage('here');
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    await mkdir(world.path('here'));
    await linkPackages([...Object.keys(dependencies), ...beside], world.path('app/node_modules'));
    await linkPackages(here, world.path('here/node_modules'));
    return world;
  }

  static async #withPackage(startedIn?: string): Promise<ServeWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
    const world = new ServeWorld(directory, startedIn && join(directory, startedIn));
    await mkdir(world.path('app'));
    // It is copied, so that a test can break it.
    await cp(join(ROOT, 'dist'), world.path('app/dist'), { recursive: true });
    await cp(join(ROOT, 'package.json'), world.path('app/package.json'));
    return world;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  get script(): string {
    return this.path('app/dist/cli/main.js');
  }

  get store(): string {
    return this.path('store');
  }

  /** Runs `serve` on a free port; it may not have started yet. */
  spawn(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ServeProcess {
    const saysWhere = env.WECHAT_TOKENS_STORE !== undefined || args.some((arg) => arg.startsWith('--store'));
    const where = saysWhere ? [] : ['--store', this.store];
    const server = new ServeProcess(this.script, ['--port', '0', ...where, ...args], env, this.#cwd);
    this.#servers.push(server);
    return server;
  }

  /** Runs `serve` with so many file descriptors, and resolves when it answers. */
  async startWithOpenFiles(openFiles: number): Promise<ServeProcess> {
    const server = new ServeProcess(this.script, ['--port', '0', '--store', this.store], {}, this.#cwd, openFiles);
    this.#servers.push(server);
    await server.seen('started');
    return server;
  }

  /** Runs another command. */
  command(args: readonly string[], env: NodeJS.ProcessEnv = {}): ServeProcess {
    const command = new ServeProcess(this.script, args, env, this.#cwd);
    this.#servers.push(command);
    return command;
  }

  /** Runs `serve`, and resolves when it answers. */
  async start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<ServeProcess> {
    const server = this.spawn(args, env);
    await server.seen('started');
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.end()));
    // The process that answers finishes its work when the one that listens is gone.
    await rm(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

async function linkPackages(names: readonly string[], directory: string): Promise<void> {
  await mkdir(directory);
  for (const name of names) await symlink(join(ROOT, 'node_modules', name), join(directory, name));
}

/** Represents a server as its user sees it: a process, its output, and a URL. */
export class ServeProcess {
  readonly child: ChildProcess;
  /** The lines that it has printed on standard output. */
  readonly lines: string[] = [];
  errors = '';
  readonly exited: Promise<number | null>;
  readonly #listeners = new Set<() => void>();

  /** @param openFiles - the limit of its file descriptors; by default that of this process. */
  constructor(script: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string, openFiles?: number) {
    const node = [process.execPath, script, ...args];
    const [program = '', ...rest] =
      openFiles === undefined ? node : ['/bin/sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh', ...node];
    this.child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd !== undefined && { cwd }),
    });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new TypeError('the process has no output');
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(line);
      for (const listener of [...this.#listeners]) listener();
    });
    stderr.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
  }

  get log(): readonly LogLine[] {
    return this.lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** Waits for the nth message of that name, earlier ones included. */
  async seen(message: string, nth = 1): Promise<LogLine> {
    const found = (): LogLine | undefined => this.log.filter((line) => line.message === message)[nth - 1];
    let isOver = false;
    void this.exited.then(() => {
      isOver = true;
      for (const listener of [...this.#listeners]) listener();
    });
    for (let line = found(); ; line = found()) {
      if (line !== undefined) return line;
      if (isOver) throw new Error(`it ended before it said ${message}: ${this.errors}${this.lines.join('\n')}`);
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  get url(): string {
    return this.log.find(({ message }) => message === 'started')?.url as string;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Returns the id of the process that answers, as the log reports it. */
  get workerPid(): number {
    const pids = this.log.filter(({ message }) => /^(started|reloaded|workerReplaced)$/.test(message));
    return pids.at(-1)?.pid as number;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Stops the server with a signal, and returns its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    this.signal(signal);
    return this.exited;
  }

  async end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.exited;
  }

  async register(appid: string, appsecret: string, types: readonly (number | string)[] = [0]): Promise<void> {
    const tasks = types.map((type) => ({ type }));
    const response = await fetch(`${this.url}/registe`, {
      method: 'POST',
      body: JSON.stringify({ appid, appsecret, tasks }),
    });
    const { code, message } = (await response.json()) as { code: number; message: string };
    if (code !== 200) throw new Error(`registe: ${message}`);
  }

  async task(appid: string, type: number | string = 0): Promise<{ code: number; result: string | null }> {
    const response = await fetch(`${this.url}/task/${appid}/${type}`);
    return (await response.json()) as { code: number; result: string | null };
  }
}
