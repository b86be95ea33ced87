/** Starts a command that waits for its turn. */
type Start = () => void;

/**
 * Commands that a store is given at once, so many of them and no more: beyond that they would wait in the queue of its
 * driver, and their time be over before a store that works well has heard of them.
 */
export class StoreQueue {
  #free: number;
  readonly #waiting = new Set<Start>();

  constructor(size: number) {
    this.#free = size;
  }

  /** Does the work, at once if there is room. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free === 0) {
      return new Promise((resolve) => {
        this.#waiting.add(() => resolve(this.#do(work)));
      });
    }
    this.#free -= 1;
    return this.#do(work);
  }

  /** Does the work, which does not throw at once. */
  #do<Result>(work: () => Promise<Result>): Promise<Result> {
    const working = work();
    working.then(this.#next, this.#next);
    return working;
  }

  readonly #next = (): void => {
    const [start] = this.#waiting;
    if (start === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(start);
    start();
  };
}
