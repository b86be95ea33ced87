import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BuiltInTokenType, RefreshOptions } from '../../../src/index.js';
import type { StoreDescription } from '../stores/fleet-stores.js';

const SCRIPT = fileURLToPath(new URL('../../e2e/processes/worker.mjs', import.meta.url));

export interface Key {
  readonly appid: string;
  readonly type: BuiltInTokenType;
  readonly subject?: string;
}

/** The orders that a worker gets at its start. */
export interface WorkerOrders {
  readonly store: StoreDescription;
  readonly origin: string;
  readonly refresh?: RefreshOptions | 'never';
  readonly death?: Death;
}

/** The moment when a worker kills itself, and the keys that cause it: those whose id contains this. */
export interface Death {
  readonly at: 'lease' | 'before the answer is written' | 'after the answer is written';
  readonly of: string;
}

export interface WorkerOptions extends Pick<WorkerOrders, 'refresh' | 'death'> {
  readonly environment?: NodeJS.ProcessEnv;
  /** The program of another release. Default: that of this tree. */
  readonly script?: string;
}

export interface WorkerEvent {
  readonly event: 'refreshed' | 'refreshFailed' | 'reauthorizationRequired' | 'storeUnavailable' | 'storeAvailable';
  readonly appid?: string;
  readonly type?: string;
  readonly subject?: string;
  readonly source?: string;
  readonly value?: string;
  readonly obtainedAt?: number;
  readonly dueAt?: number;
  readonly code?: string;
}

/** The observations of a caller that asked a worker for tokens repeatedly. */
export interface HandedOut {
  served: number;
  slowestMs: number;
  /** The time when each value was handed out for the last time, in milliseconds of the machine's monotonic clock. */
  readonly lastServedAt: Record<string, number>;
  readonly failures: string[];
  /** The keys whose older record came after a newer one. */
  readonly wentBack: string[];
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly code?: string; readonly message: string };
}

/** Runs a real process with a manager on a shared store. */
export class Worker implements AsyncDisposable {
  readonly events: WorkerEvent[] = [];
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #listeners = new Set<(event: WorkerEvent) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.process = child;
    this.exited = once(child, 'exit');
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

  /**
   * Starts a worker.
   *
   * @param store - a string is the directory of a file store.
   */
  static async start(store: StoreDescription | string, origin: string, options: WorkerOptions = {}): Promise<Worker> {
    const { environment, script = SCRIPT, ...orders } = options;
    const described = typeof store === 'string' ? { kind: 'file', directory: store } : store;
    const child = fork(script, [JSON.stringify({ store: described, origin, ...orders })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...environment },
    });
    const worker = new Worker(child);
    const [message] = await Promise.race([once(child, 'message'), worker.exited.then(() => [])]);
    if (message === undefined) throw new Error('the process has exited at its start');
    return worker;
  }

  async run<Result = string>(command: string, input?: unknown): Promise<Result> {
    if (!this.process.connected) throw new Error('the process has exited');
    const id = ++this.#lastId;
    const replied = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    this.process.send({ id, command, input }, () => undefined);
    const { result, error } = await replied;
    this.#waiting.delete(id);
    if (error !== undefined) throw Object.assign(new Error(error.message), error);
    return result as Result;
  }

  /** Waits for the next event that the predicate accepts, earlier ones included. */
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

  onEvent(listener: (event: WorkerEvent) => void): void {
    this.#listeners.add(listener);
  }

  count(event: WorkerEvent['event']): number {
    return this.events.filter((seen) => seen.event === event).length;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    await this.exited;
  }

  /** Lets the process end by itself: a library that fakes its clock leaves shared memory behind when it is killed. */
  async dismiss(): Promise<void> {
    if (this.process.connected) this.process.disconnect();
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
