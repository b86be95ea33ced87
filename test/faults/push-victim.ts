import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./push-worker.mjs', import.meta.url));

/** The moment at which a process kills itself, as its script names it. */
export interface Moment {
  readonly dieAt: string;
  /** What the id of the document ends with that it is about. */
  readonly of: string;
  /** The number of the time that it dies at. */
  readonly nth: number;
}

/** Runs a process that receives pushes until it is killed. */
export class PushVictim {
  readonly exited: Promise<unknown>;
  readonly #process: ChildProcess;
  #port = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.exited = once(process, 'exit');
    process.once('message', (message) => {
      this.#port = (message as { readonly port: number }).port;
    });
  }

  /** Starts a process. It may have died when the promise resolves, since it begins with what an earlier one has left to do. */
  static async start(
    directory: string,
    origin: string,
    registration: object,
    { dieAt, of, nth }: Moment = { dieAt: '', of: '', nth: 0 },
  ): Promise<PushVictim> {
    const child = fork(SCRIPT, [directory, origin, JSON.stringify(registration), dieAt, of, String(nth)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const victim = new PushVictim(child);
    await Promise.race([once(child, 'message'), victim.exited]);
    return victim;
  }

  /** Returns the URL for pushes to an app. */
  urlOf(appid: string): string {
    return `http://127.0.0.1:${this.#port}/push/${appid}`;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }
}
