import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./kill-worker.mjs', import.meta.url));

export interface VictimEvent {
  readonly event: 'started' | 'registered' | 'refreshed' | 'reauthorizationRequired';
  readonly subject?: string;
  readonly value?: string;
}

/** Runs a process that keeps tokens fresh until it is killed. */
export class Victim {
  readonly events: VictimEvent[] = [];
  readonly exited: Promise<unknown>;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.exited = once(process, 'exit');
    process.on('message', (event: VictimEvent) => void this.events.push(event));
  }

  /**
   * Starts the process.
   *
   * @param dieAt - the moment at which it kills itself, as its script names it.
   */
  static async start(directory: string, origin: string, appid: string, dieAt = ''): Promise<Victim> {
    const process = fork(SCRIPT, [directory, origin, appid, dieAt], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const victim = new Victim(process);
    await once(process, 'message');
    return victim;
  }

  /** Registers users by openid with their refresh tokens; also resolves when the process dies meanwhile. */
  async register(refreshTokens: Readonly<Record<string, string>>): Promise<void> {
    this.#process.send(refreshTokens);
    await Promise.race([this.seen(({ event }) => event === 'registered'), this.exited]);
  }

  async seen(accepts: (event: VictimEvent) => boolean): Promise<VictimEvent> {
    for (;;) {
      const found = this.events.find(accepts);
      if (found !== undefined) return found;
      await once(this.#process, 'message');
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#process.kill(signal);
    if (signal === 'SIGKILL') await this.exited;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal);
  }
}
