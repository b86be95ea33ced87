import { onAbort } from './abort-listeners.js';

/**
 * A timer that was set on a {@link Clock}.
 *
 * @public
 */
export interface ClockTimer {
  /** Cancels the timer. Harmless after it has fired, and when called twice. */
  cancel(): void;
}

/**
 * The source of all time, timers and randomness, so that tests can replace them (see `FakeClock` in
 * `wechat-token-manager/testing`).
 *
 * @public
 */
export interface Clock {
  /** Returns the wall time in epoch milliseconds. It may jump in either direction. */
  now(): number;
  /**
   * Returns milliseconds since some fixed point. It never goes backwards, and may stand still while the machine sleeps.
   */
  monotonic(): number;
  /**
   * Calls `callback` once, after about `delayMs` milliseconds (0 to 2^31 - 1).
   *
   * @param options - `ref: true` keeps the process alive until the timer fires; by default it does not.
   */
  setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }): ClockTimer;
  /** Returns a random number, at least 0 and below 1. */
  random(): number;
}

/**
 * The clock of this process: `Date.now`, `performance.now`, `setTimeout` and `Math.random`.
 *
 * @public
 */
export const systemClock: Clock = {
  // All of them are looked up at each call: the fake timers of test runners replace `Date`, `performance` and `setTimeout`
  // together, and a mixture of real and replaced ones would look like a clock that was set.
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs, options) {
    const timer = setTimeout(callback, delayMs);
    if (options?.ref !== true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  random: () => Math.random(),
};

/** Resolves after `delayMs`; rejects with the signal's reason if the signal is aborted first. */
export function wait(
  clock: Clock,
  delayMs: number,
  options: { readonly ref?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(
      () => {
        endListening?.();
        resolve();
      },
      delayMs,
      { ref: options.ref ?? false },
    );
    const endListening = signal === undefined ? undefined : onAbort(signal, abort);
  });
}
