import { onAbort } from './abort-listeners.js';

/** Lets at most so many works run at once; the others wait in the order in which they came. */
export class Semaphore {
  #size: number;
  /** Fewer than none while more run than the size allows that was set since they began. */
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  /** Sets how many run at once from now on. */
  resize(size: number): void {
    this.#free += size - this.#size;
    this.#size = size;
    while (this.#free > 0 && this.#waiting.size > 0) {
      this.#free -= 1;
      this.#enterNext();
    }
  }

  /**
   * Waits for a slot.
   *
   * @returns a function that gives the slot back; to be called once.
   * @throws the signal's reason when that is aborted first.
   */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    return this.#giveBack;
  }

  /** Does the work as soon as there is a slot for it: at once, if one is free. It is to throw nothing but by its promise. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free <= 0) {
      return new Promise((resolve) => {
        this.#waiting.add(() => resolve(this.#do(work)));
      });
    }
    this.#free -= 1;
    return this.#do(work);
  }

  #do<Result>(work: () => Promise<Result>): Promise<Result> {
    const working = work();
    working.then(this.#giveBack, this.#giveBack);
    return working;
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        endListening?.();
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(enter);
        reject(signal?.reason);
      };
      const endListening = signal === undefined ? undefined : onAbort(signal, leave);
      this.#waiting.add(enter);
    });
  }

  readonly #giveBack = (): void => {
    if (this.#free < 0 || this.#waiting.size === 0) this.#free += 1;
    else this.#enterNext();
  };

  #enterNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }
}
