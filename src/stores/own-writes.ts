import { LRUCache } from 'lru-cache';
import { type Clock, systemClock } from '../core/clock.js';

/** Word of what was written so many writes ago has come. */
const MOST_REMEMBERED = 1_000;
/** Word of a write can come before the answer to it. To an answer that takes longer, perhaps nobody listens any more. */
const ANSWERED_WITHIN_MS = 1_000;

/** The versions that `set` has returned to a store's user, so that a watch need not tell him of them. */
export class OwnWrites {
  readonly #clock: Clock;
  /** The version that was returned last, by id. */
  readonly #answered = new LRUCache<string, number>({ max: MOST_REMEMBERED });
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** @returns what the write answers. */
  note(id: string, writing: Promise<number | undefined>): Promise<number | undefined> {
    const startedAt = this.#clock.monotonic();
    const noted = writing.then((version) => {
      const isInTime = this.#clock.monotonic() - startedAt <= ANSWERED_WITHIN_MS;
      if (version !== undefined && isInTime) this.#answered.set(id, version);
      return version;
    });
    const settled = Promise.allSettled([this.#underWay.get(id), noted]).then(() => {
      if (this.#underWay.get(id) === settled) this.#underWay.delete(id);
    });
    this.#underWay.set(id, settled);
    return noted;
  }

  /** Calls `tell` unless this is the version that the user was answered last with, or is about to be. */
  tellIfNews(id: string, version: number, tell: () => void): void {
    const underWay = this.#underWay.get(id);
    if (underWay === undefined) {
      if (this.#answered.get(id) !== version) tell();
      return;
    }
    let isTold = false;
    const decide = (): void => {
      if (isTold) return;
      isTold = true;
      timer.cancel();
      if (this.#answered.get(id) !== version) tell();
    };
    const timer = this.#clock.setTimer(decide, ANSWERED_WITHIN_MS);
    void underWay.then(decide);
  }
}
