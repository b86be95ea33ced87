import type { Clock } from '../../../core/concurrency/clock.js';

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface SignalActions {
  stop(signal: StopSignal): void;
  /** Ends everything at once, after a second signal. */
  kill(signal: StopSignal): void;
  reload(): void;
  /** Returns whether the terminal on which the process was started has been closed, which SIGHUP reports as well. */
  isTerminalLost(): boolean;
}

/**
 * The time within which a second SIGINT counts as the same key press: `npx` forwards the Ctrl-C that the terminal has
 * sent to all of its processes.
 */
const SAME_PRESS_MS = 500;

/**
 * Ignores SIGUSR1 and SIGUSR2, which log rotation sends because other programs expect them. SIGUSR1 would open Node's
 * debugger to every user of this machine, and SIGUSR2 would end the process.
 */
export function ignoreUserSignals(source: Pick<NodeJS.Process, 'on'>): void {
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) source.on(signal, () => {});
}

/**
 * Listens to signals until the process ends. The listeners are never removed, because by default a late signal would end
 * the process with another exit code.
 */
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
    // SIGHUP may come from the shell as well as from the system, so that a second one is no request to end at once.
    else if (stoppedAt === undefined) stop(signal);
  };
  source.on('SIGINT', stop);
  source.on('SIGTERM', stop);
  source.on('SIGHUP', hangUp);
  ignoreUserSignals(source);
}
