/** The limit of requests in one piece. Programs wait for an answer before they send more, or pipeline a few requests. */
const MOST_AT_ONCE = 16;

/**
 * Counts the requests that are parsed from one piece of a connection's data. 64 KiB can hold over a thousand, and the
 * event loop is blocked until all of them have been handled.
 */
export class RequestBurst {
  #count = 0;
  /** Resets the count when the piece has been parsed, because promises settle only after that. */
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
