interface SharedWait<Result> {
  readonly promise: Promise<Result>;
  readonly begunAtMonotonic: number;
}

/** The time within which calls share one wait. A call that joins late may time out this much too early. */
const SHARED_FOR_MS = 20;

/**
 * Shares one wait and its deadline among calls at nearly the same time, because a wait of its own would cost each of
 * them some 40 us.
 */
export class SharedWaits<Result> {
  readonly #waits = new Map<string, SharedWait<Result>>();

  /**
   * Returns the wait that has just begun for this id, or begins one.
   *
   * @param now - the monotonic time in milliseconds.
   */
  join(id: string, now: number, begin: () => Promise<Result>): Promise<Result> {
    const underWay = this.#waits.get(id);
    if (underWay !== undefined && now - underWay.begunAtMonotonic <= SHARED_FOR_MS) return underWay.promise;
    const promise = begin();
    const wait = { promise, begunAtMonotonic: now };
    const end = (): void => {
      if (this.#waits.get(id) === wait) this.#waits.delete(id);
    };
    this.#waits.set(id, wait);
    promise.then(end, end);
    return promise;
  }
}
