import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromManager, ManagerInput, ToManager } from './messages.js';

const PROGRAM = fileURLToPath(new URL('./manager-process.js', import.meta.url));
const CLOSE_TIMEOUT_MS = 5_000;

/** Controls a manager process of the demo. */
export class ManagedProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(name: string, input: ManagerInput, hear: (message: FromManager) => void) {
    this.name = name;
    this.#child = fork(PROGRAM, [JSON.stringify(input)]);
    this.#child.on('message', hear);
    this.#exited = once(this.#child, 'exit');
  }

  /** Returns the next message of that kind; rejects if the process ends before. */
  next<Kind extends FromManager['kind']>(kind: Kind): Promise<Extract<FromManager, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const hear = (message: FromManager): void => {
        if (message.kind !== kind) return;
        this.#child.off('message', hear);
        resolve(message as Extract<FromManager, { kind: Kind }>);
      };
      this.#child.on('message', hear);
      void this.#exited.then(() => reject(new Error(`process ${this.name} has ended`)));
    });
  }

  tell(message: ToManager): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** Closes the manager in the process and waits for its end. A process that does not end is killed. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.tell({ kind: 'close' });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
