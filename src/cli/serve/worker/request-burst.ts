/** Programs wait for an answer before they ask again, or send a few requests ahead. */
const MOST_AT_ONCE = 16;

/**
 * Counts the requests that are read of a connection in one piece. 64 KiB hold over a thousand, and the event loop does not turn
 * before all of them have been answered.
 */
export class RequestBurst {
  #count = 0;
  /** Runs when the piece has been read to its end: no promise settles before. */
  readonly #end = (): void => {
    this.#count = 0;
  };

  /** Counts one more request, and returns whether there are more than a program sends at once. */
  isTooLong(): boolean {
    if (this.#count === 0) queueMicrotask(this.#end);
    this.#count += 1;
    return this.#count > MOST_AT_ONCE;
  }
}
