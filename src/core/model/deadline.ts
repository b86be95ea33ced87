import { onAbort, reasonOf } from '../concurrency/abort-listeners.js';
import type { Clock } from '../concurrency/clock.js';
import { TokenError } from './errors.js';

/** Ends the wait of one call, after a timeout or when its caller aborts a signal. */
export class Deadline {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #endsAt: number;
  readonly #signal: AbortSignal | undefined;
  readonly #missed: string;

  /** @param missed - the beginning of the error's message, which the time follows. */
  constructor(clock: Clock, timeoutMs: number, signal: AbortSignal | undefined, missed: string = 'no token within') {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#endsAt = clock.monotonic() + timeoutMs;
    this.#signal = signal;
    this.#missed = missed;
  }

  leftMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.monotonic());
  }

  /** @throws the signal's reason if the signal is aborted. */
  assertNotAborted(): void {
    if (this.#signal?.aborted === true) throw reasonOf(this.#signal);
  }

  /**
   * Returns the outcome of `promise`, whose work goes on if the wait ends earlier.
   *
   * @throws the signal's reason, or a `TokenError` with code `TIMEOUT`, whichever comes first.
   */
  race<Result>(promise: Promise<Result>): Promise<Result> {
    return this.#race(promise, this.leftMs(), (_resolve, reject) => reject(this.#timeout()));
  }

  /** Returns the result of `promise`, or `undefined` if it rejects or takes longer than `maxMs` or the deadline. */
  settles<Result>(promise: Promise<Result>, maxMs: number): Promise<Result | undefined> {
    const settled = promise.catch(() => undefined);
    return this.#race(settled, Math.min(maxMs, this.leftMs()), (resolve) => resolve(undefined));
  }

  #race<Result>(
    promise: Promise<Result>,
    waitMs: number,
    expired: (resolve: (result: Result) => void, reject: (error: unknown) => void) => void,
  ): Promise<Result> {
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        promise.catch(() => {});
        reject(reasonOf(signal));
        return;
      }
      const end = (): void => {
        timer.cancel();
        endListening?.();
      };
      const timer = this.#clock.setTimer(
        () => {
          end();
          expired(resolve, reject);
        },
        Math.ceil(waitMs),
        { ref: true },
      );
      const endListening =
        signal &&
        onAbort(signal, () => {
          end();
          reject(reasonOf(signal));
        });
      promise.then(
        (result) => {
          end();
          resolve(result);
        },
        (error: unknown) => {
          end();
          reject(error);
        },
      );
    });
  }

  #timeout(): TokenError {
    return new TokenError('TIMEOUT', `${this.#missed} ${this.#timeoutMs} ms`, { retryable: true });
  }
}
