import type { Clock } from '../../core/clock.js';

export type StopSignal = 'SIGINT' | 'SIGTERM';

export interface SignalActions {
  stop(signal: StopSignal): void;
  /** It was said twice. */
  kill(signal: StopSignal): void;
  reload(): void;
}

/** `npx` passes on the Ctrl-C that the terminal has sent to everybody already. */
const SAME_PRESS_MS = 500;

/** Listens to the signals of a process; returns what ends that. */
export function listenToSignals(
  source: Pick<NodeJS.Process, 'on' | 'off'>,
  clock: Clock,
  actions: SignalActions,
): () => void {
  let stoppedAt: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    const now = clock.monotonic();
    if (stoppedAt === undefined) {
      stoppedAt = now;
      actions.stop(signal as StopSignal);
    } else if (now - stoppedAt >= SAME_PRESS_MS) actions.kill(signal as StopSignal);
  };
  const reload = (): void => actions.reload();
  source.on('SIGINT', stop);
  source.on('SIGTERM', stop);
  source.on('SIGHUP', reload);
  return () => {
    source.off('SIGINT', stop);
    source.off('SIGTERM', stop);
    source.off('SIGHUP', reload);
  };
}
