import type { Clock } from './clock.js';

/** For so long whoever has met somebody else at a lease expects to meet others again. */
const LASTS_MS = 60_000;

/** Whether other processes refresh the same keys: all of them know of the same instants. */
export class Company {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #until = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get isExpected(): boolean {
    return this.#clock.monotonic() < this.#until;
  }

  /** Somebody else had the lease. */
  met(): void {
    this.#until = this.#clock.monotonic() + LASTS_MS;
  }
}
