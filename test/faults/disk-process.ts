import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Registration } from '../../src/index.js';

const SCRIPT = fileURLToPath(new URL('disk-worker.mjs', import.meta.url));

export interface DiskEvent {
  readonly event: 'refreshed' | 'storeUnavailable' | 'storeAvailable' | 'got';
  readonly value?: string;
  readonly code?: string;
}

/** Runs a real process that keeps a token fresh, and whose system calls can be made to fail. */
export class DiskProcess implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #events: DiskEvent[] = [];
  readonly #changed = new Set<() => void>();
  #tracer: ChildProcess | undefined;

  constructor(directory: string, origin: string, registration: Registration, environment: NodeJS.ProcessEnv = {}) {
    this.#process = fork(SCRIPT, [directory, origin, JSON.stringify(registration)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...environment },
    });
    this.#process.on('message', (event: DiskEvent) => {
      this.#events.push(event);
      this.#look();
    });
    this.#process.on('exit', () => this.#look());
  }

  /** Waits for the `nth` event of a name, whether or not it has come already. */
  seen(name: DiskEvent['event'], nth = 1): Promise<DiskEvent> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#events.filter(({ event }) => event === name)[nth - 1];
        if (found !== undefined) resolve(found);
        else if (this.#process.exitCode !== null) reject(new Error(`the process has exited before ${name}`));
        else return;
        this.#changed.delete(look);
      };
      this.#changed.add(look);
      look();
    });
  }

  count(name: DiskEvent['event']): number {
    return this.#events.filter(({ event }) => event === name).length;
  }

  get(appid: string, type: string, subject: string): Promise<DiskEvent> {
    const answered = this.seen('got', this.count('got') + 1);
    this.#process.send({ appid, type, subject });
    return answered;
  }

  /** Makes the system calls do what strace's `inject` says, from when it resolves until {@link endFault}. */
  async startFault(injection: string): Promise<void> {
    const args = ['-f', '-o', '/dev/null', '-e', `inject=${injection}`, '-p', String(this.#process.pid)];
    const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#tracer = tracer;
    const lines = createInterface({ input: tracer.stderr });
    for await (const line of lines) if (line.includes('attached')) break;
    tracer.stderr.resume();
  }

  async endFault(): Promise<void> {
    await end(this.#tracer, 'SIGINT');
    this.#tracer = undefined;
  }

  #look(): void {
    for (const look of [...this.#changed]) look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endFault();
    await end(this.#process, 'SIGKILL');
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
