import type { Clock } from './clock.js';

/** The time for which a process that has found a lease taken expects to find others taken. */
const LASTS_MS = 60_000;

/** Notes whether other processes refresh the same keys: all of them know of the same instants. */
export class Company {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #until = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get isExpected(): boolean {
    return this.#clock.monotonic() < this.#until;
  }

  /** Notes that another process had the lease. */
  met(): void {
    this.#until = this.#clock.monotonic() + LASTS_MS;
  }
}
