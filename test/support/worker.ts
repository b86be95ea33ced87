import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../e2e/processes/worker.mjs', import.meta.url));

export interface WorkerEvent {
  readonly event: 'refreshed' | 'refreshFailed';
  readonly appid: string;
  readonly type: string;
  readonly source?: string;
  readonly value?: string;
  readonly code?: string;
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly code?: string; readonly message: string };
}

/** A real process with a manager on a shared directory. */
export class Worker implements AsyncDisposable {
  readonly events: WorkerEvent[] = [];
  readonly process: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #listeners = new Set<(event: WorkerEvent) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.process = child;
    child.on('message', (message: Reply & WorkerEvent) => {
      if (message.event !== undefined) {
        this.events.push(message);
        for (const listener of [...this.#listeners]) listener(message);
      } else if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    });
    child.on('exit', () => {
      for (const settle of this.#waiting.values()) settle({ error: { message: 'the process has exited' } });
    });
  }

  static async start(directory: string, origin: string): Promise<Worker> {
    const child = fork(SCRIPT, [directory, origin], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const worker = new Worker(child);
    await once(child, 'message');
    return worker;
  }

  async run(command: string, input?: unknown): Promise<string> {
    const id = ++this.#lastId;
    const replied = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    this.process.send({ id, command, input });
    const { result, error } = await replied;
    this.#waiting.delete(id);
    if (error !== undefined) throw Object.assign(new Error(error.message), error);
    return result as string;
  }

  /** The next event that the predicate accepts, those that have come before included. */
  seen(accepts: (event: WorkerEvent) => boolean): Promise<WorkerEvent> {
    const before = this.events.find(accepts);
    if (before !== undefined) return Promise.resolve(before);
    return new Promise((resolve) => {
      const listener = (event: WorkerEvent): void => {
        if (!accepts(event)) return;
        this.#listeners.delete(listener);
        resolve(event);
      };
      this.#listeners.add(listener);
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
