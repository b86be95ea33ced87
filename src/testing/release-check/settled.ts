import type { Clock } from '../../core/concurrency/clock.js';

/** The parts of waiting. */
export interface Waiting {
  readonly clock: Clock;
  readonly withinMs: number;
  /** Aborted when waiting is no use any more. */
  readonly signal: AbortSignal;
  /** Calls a function whenever `isReady` may have changed, until the returned function is called. */
  onChange(listener: () => void): () => void;
  isReady(): boolean;
}

/** Resolves when something is ready, or the time is up; rejects with the reason of the signal. */
export function settled({ clock, withinMs, signal, onChange, isReady }: Waiting): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      timer.cancel();
      endListening();
      signal.removeEventListener('abort', abort);
      finish();
    };
    const abort = (): void => end(() => reject(signal.reason));
    const look = (): void => {
      if (isReady()) end(resolve);
    };
    const timer = clock.setTimer(() => end(resolve), withinMs, { ref: true });
    const endListening = onChange(look);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    else look();
  });
}
