import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Registration } from '../../src/index.js';

const SCRIPT = fileURLToPath(new URL('clock-worker.mjs', import.meta.url));

export interface ClockEvent {
  readonly event: 'served' | 'turnedAway' | 'refreshFailed' | 'reauthorizationRequired';
  readonly type: string;
  /** The time that the clock of the process shows. */
  readonly clock: number;
  readonly value?: string;
  readonly code?: string;
}

/** Runs a process that hands tokens out all the time, by a clock of its own if its environment says so. */
export class ClockProcess implements AsyncDisposable {
  readonly events: ClockEvent[] = [];
  readonly #process: ChildProcess;

  /**
   * Starts the process.
   *
   * @param heard - is called at the moment of each event.
   */
  constructor(
    directory: string,
    origin: string,
    registration: Registration,
    { environment = {}, heard = () => {} }: ClockProcessOptions = {},
  ) {
    this.#process = fork(SCRIPT, [directory, origin, JSON.stringify(registration)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...environment },
    });
    this.#process.on('message', (event: ClockEvent) => {
      this.events.push(event);
      heard(event);
    });
  }

  /** Waits for the next event that the predicate accepts; earlier ones do not count. */
  async next(accepts: (event: ClockEvent) => boolean): Promise<ClockEvent> {
    for (let seen = this.events.length; ; ) {
      for (; seen < this.events.length; seen++) {
        const event = this.events[seen] as ClockEvent;
        if (accepts(event)) return event;
      }
      if (this.#process.exitCode !== null) throw new Error('the process has exited');
      await once(this.#process, 'message');
    }
  }

  /** Ends the process without a kill, after which the library that fakes its clock would leave shared memory behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    if (this.#process.connected) this.#process.disconnect();
    await exited;
  }
}

export interface ClockProcessOptions {
  readonly environment?: NodeJS.ProcessEnv;
  readonly heard?: (event: ClockEvent) => void;
}
