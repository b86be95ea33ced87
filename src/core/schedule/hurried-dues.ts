import type { Clock, ClockTimer } from '../concurrency/clock.js';
import { exponentialDelayMs } from '../model/backoff.js';
import { keyId, type TokenKey } from '../model/token-key.js';
import type { StoredDues } from './stored-dues.js';

const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 60_000;

/**
 * Makes keys due now because the obstacle to their attempts is gone, and tries again if the store fails: the failure in
 * a key's document may defer it for a day, and nothing else would bring it forward.
 */
export class HurriedDues {
  readonly #dues: Pick<StoredDues, 'makeDueNow' | 'makeAllDueNow'>;
  readonly #clock: Clock;
  /** The work that has failed, by the id of the key or of the app. */
  readonly #left = new Map<string, () => Promise<void>>();
  #timer: ClockTimer | undefined;
  /** The number of consecutive rounds that have left something. */
  #rounds = 0;
  #retrying: Promise<void> | undefined;
  #isStopped = false;

  constructor(dues: Pick<StoredDues, 'makeDueNow' | 'makeAllDueNow'>, clock: Clock) {
    this.#dues = dues;
    this.#clock = clock;
  }

  hurry(key: TokenKey): void {
    void this.#run(keyId(key), () => this.#dues.makeDueNow(key));
  }

  hurryApp(appid: string): void {
    void this.#run(appid, () => this.#dues.makeAllDueNow(appid));
  }

  /** Ends the retries, and resolves when none is in progress. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#retrying;
  }

  async #run(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#left.delete(id);
    } catch {
      this.#left.set(id, work);
      this.#retryLater();
    }
  }

  #retryLater(): void {
    if (this.#isStopped || this.#timer !== undefined || this.#retrying !== undefined) return;
    const delayMs = exponentialDelayMs(this.#rounds + 1, FIRST_RETRY_MS, MAX_RETRY_MS);
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.#retrying = this.#retryAll().finally(() => {
        this.#retrying = undefined;
        this.#rounds = this.#left.size > 0 ? this.#rounds + 1 : 0;
        if (this.#left.size > 0) this.#retryLater();
      });
    }, delayMs);
  }

  /** Retries one after the other, because thousands at once would wait for the store until it counts as unavailable. */
  async #retryAll(): Promise<void> {
    for (const [id, work] of [...this.#left]) {
      if (this.#isStopped) return;
      await this.#run(id, work);
    }
  }
}
