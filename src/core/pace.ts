import { boundedCache } from './bounded-cache.js';

/** How many refreshes may be begun in a second when nobody waits for them. */
export interface PaceLimits {
  readonly perSecond: number;
  readonly perSecondOfApp: number;
}

const MAX_APPS = 10_000;
/** What was not used may be made up for within this time. */
const BURST_MS = 50;

/** One after the other, in even steps. */
export class Steps {
  readonly #stepMs: number;
  #freeAt = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#stepMs = 1_000 / perSecond;
  }

  /**
   * Takes a step if one is free at `now`.
   *
   * @returns 0 when it was taken, else how many milliseconds to wait.
   */
  take(now: number): number {
    if (this.#freeAt > now) return this.#freeAt - now;
    this.owe(now);
    return 0;
  }

  /** Takes a step, free or not: those who come later wait for it. */
  owe(now: number): void {
    this.#freeAt = Math.max(this.#freeAt, now - BURST_MS) + this.#stepMs;
  }
}

/** The pace of a process that has its schedule for itself. */
export class OwnPace {
  readonly #steps: Steps;
  readonly #ofApps = boundedCache<string, Steps>(MAX_APPS);
  readonly #perSecondOfApp: number;
  readonly #monotonic: () => number;

  constructor({ perSecond, perSecondOfApp }: PaceLimits, monotonic: () => number) {
    this.#steps = new Steps(perSecond);
    this.#perSecondOfApp = perSecondOfApp;
    this.#monotonic = monotonic;
  }

  /** How many milliseconds the next refresh has to wait; at 0 it has begun. */
  take(): number {
    return this.#steps.take(this.#monotonic());
  }

  takeOfApp(appid: string): number {
    return this.#ofApp(appid).take(this.#monotonic());
  }

  /** Somebody waits for this one, so it does not wait itself. */
  owe(appid: string): void {
    const now = this.#monotonic();
    this.#steps.owe(now);
    this.#ofApp(appid).owe(now);
  }

  #ofApp(appid: string): Steps {
    let steps = this.#ofApps.get(appid);
    if (steps === undefined) this.#ofApps.set(appid, (steps = new Steps(this.#perSecondOfApp)));
    return steps;
  }
}
