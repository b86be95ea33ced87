import { closedError } from './errors.js';

/** Ends a manager: what waits is ended at once, and work that must not be left half done is awaited. */
export class Closing {
  readonly #controller = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  /** Returns the signal that is aborted with a `TokenError` with code `CLOSED` when the closing begins. */
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
   * @throws a `TokenError` with code `CLOSED` once the closing has begun.
   */
  assertOpen(): void {
    if (this.hasBegun) throw closedError();
  }

  /**
   * Does a work for which the closing waits.
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

  /** Resolves when every work that is waited for has settled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
