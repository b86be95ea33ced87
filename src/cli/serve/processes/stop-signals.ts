import type { Clock } from '../../../core/concurrency/clock.js';

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface SignalActions {
  stop(signal: StopSignal): void;
  /** Is called for the second signal. */
  kill(signal: StopSignal): void;
  reload(): void;
  /** Returns whether the terminal that the process was started on has been closed, which SIGHUP tells as well. */
  isTerminalLost(): boolean;
}

/** `npx` passes on the Ctrl-C that the terminal has sent to all of its processes already. */
const SAME_PRESS_MS = 500;

/**
 * Keeps SIGUSR1 from opening Node's debugger to every user of this machine, and SIGUSR2 from ending the process: what rotates
 * logs for other programs sends them.
 */
export function ignoreUserSignals(source: Pick<NodeJS.Process, 'on'>): void {
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) source.on(signal, () => {});
}

/** Listens to the signals of a process until it ends: by default a late one would end it with another code than its own. */
export function listenToSignals(source: Pick<NodeJS.Process, 'on'>, clock: Clock, actions: SignalActions): void {
  let stoppedAt: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    const now = clock.monotonic();
    if (stoppedAt === undefined) {
      stoppedAt = now;
      actions.stop(signal as StopSignal);
    } else if (now - stoppedAt >= SAME_PRESS_MS) actions.kill(signal as StopSignal);
  };
  const hangUp = (signal: NodeJS.Signals): void => {
    if (!actions.isTerminalLost()) actions.reload();
    // It comes from the shell as well as from the system, and is no wish to end at once.
    else if (stoppedAt === undefined) stop(signal);
  };
  source.on('SIGINT', stop);
  source.on('SIGTERM', stop);
  source.on('SIGHUP', hangUp);
  ignoreUserSignals(source);
}
