import { noop } from '../primitives/noop.js';
import { onAbort } from './abort-listeners.js';

/**
 * Work that waits for a permit. It lets go of its function when it gets one, because V8 keeps the table of a set that has
 * grown or shrunk since, with all its members, until the next collection of the whole heap.
 */
interface Waiting {
  enter(): void;
}

/** Bounds how much work is in progress at once. Further work waits, in the order of the calls. */
export class Semaphore {
  #size: number;
  /** The number of free permits. It is negative while more work is in progress than a reduced size allows. */
  #free: number;
  readonly #waiting = new Set<Waiting>();

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  /** Sets the number of permits. */
  resize(size: number): void {
    this.#free += size - this.#size;
    this.#size = size;
    while (this.#free > 0 && this.#waiting.size > 0) {
      this.#free -= 1;
      this.#enterNext();
    }
  }

  /**
   * Acquires a permit, and waits until one is free.
   *
   * @returns a function that releases the permit; it must be called exactly once.
   * @throws the signal's reason if the signal is aborted first.
   */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    return this.#release;
  }

  /**
   * Runs the work as soon as a permit is free, which may be at once. The work must report failures by its promise only,
   * never by throwing, or its permit would not be released.
   */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free <= 0) {
      return new Promise((resolve) => {
        this.#waiting.add({ enter: () => resolve(this.#do(work)) });
      });
    }
    this.#free -= 1;
    return this.#do(work);
  }

  #do<Result>(work: () => Promise<Result>): Promise<Result> {
    const working = work();
    working.then(this.#release, this.#release);
    return working;
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        enter: () => {
          endListening?.();
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiting.delete(waiting);
        reject(signal?.reason);
      };
      const endListening = signal === undefined ? undefined : onAbort(signal, leave);
      this.#waiting.add(waiting);
    });
  }

  readonly #release = (): void => {
    if (this.#free < 0 || this.#waiting.size === 0) this.#free += 1;
    else this.#enterNext();
  };

  #enterNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    const { enter } = next;
    next.enter = noop;
    enter();
  }
}
