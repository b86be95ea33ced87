import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FromMember, MemberInput } from './fleet-messages.js';

const PROGRAM = fileURLToPath(new URL('./member-process.js', import.meta.url));
const CLOSE_TIMEOUT_MS = 5_000;

/** Controls a process of the fleet. */
export class FleetMember {
  readonly name: string;
  /** The promise that resolves when the process has read every token, and rejects if it ends before. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(name: string, input: MemberInput, hear: (message: FromMember) => void) {
    this.name = name;
    this.#child = fork(PROGRAM, [JSON.stringify(input)]);
    this.#exited = once(this.#child, 'exit');
    this.ready = new Promise((resolve, reject) => {
      this.#child.on('message', (message: FromMember) => {
        if (message.kind === 'ready') resolve();
        hear(message);
      });
      void this.#exited.then(() => reject(new Error(`process ${name} has ended`)));
    });
    this.ready.catch(() => {});
  }

  /** Kills the process with SIGKILL, so that it cannot react. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Makes the process leave the fleet, and waits for its end. A process that does not end is killed. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (this.#child.connected) this.#child.send('close');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
