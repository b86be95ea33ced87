import { closedError } from './errors.js';

/**
 * Coordinates the closing of a manager: calls that wait are ended at once, and work that must not be interrupted is
 * awaited.
 */
export class Closing {
  readonly #controller = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  /** Returns a signal that is aborted when the closing begins. Its reason is a `TokenError` with code `CLOSED`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get hasBegun(): boolean {
    return this.signal.aborted;
  }

  begin(): void {
    this.#controller.abort(closedError());
  }

  /**
   * Rejects further work once the closing has begun.
   *
   * @throws a `TokenError` with code `CLOSED`.
   */
  assertOpen(): void {
    if (this.hasBegun) throw closedError();
  }

  /**
   * Runs work that the closing waits for.
   *
   * @throws what the work throws; a `TokenError` with code `CLOSED` once the closing has begun.
   */
  async waitFor<Result>(work: () => Promise<Result>): Promise<Result> {
    this.assertOpen();
    const working = work();
    this.#underWay.add(working);
    try {
      return await working;
    } finally {
      this.#underWay.delete(working);
    }
  }

  /** Resolves when all work that the closing waits for has settled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
