import type { Clock } from '../concurrency/clock.js';
import { seal } from './document-codec.js';
import type { SupervisedStore } from './supervised-store.js';

/** The id of a document that nothing reads. It has the form of a count that is over, so that the sweep of limits deletes it. */
const TRIAL_ID = 'limit/~fleet/~trial';

/** Writes to a store that has rejected writes, because if nothing else is written, only this shows that it accepts them again. */
export class WriteTrial {
  readonly #store: SupervisedStore;
  readonly #clock: Clock;

  constructor(store: SupervisedStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Writes once if writes fail while reads work. A store that fails to read is called by other parts until it answers.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` if the store still rejects writes.
   */
  async make(): Promise<void> {
    if (this.#store.failsToRead || !this.#store.failsToWrite) return;
    const [stored] = await this.#store.get([TRIAL_ID]);
    await this.#store.set(TRIAL_ID, seal(TRIAL_ID, { until: Math.round(this.#clock.now()) }), stored?.version ?? 0);
  }
}
