import { boundedCache } from './bounded-cache.js';

const MAX_APPS = 10_000;
const BUSIEST = 20;

/** Counts events by app, so that the apps with the most can be named. */
export class BusiestApps {
  readonly #counts = boundedCache<string, number>(MAX_APPS);

  add(appid: string): void {
    this.#counts.set(appid, (this.#counts.get(appid) ?? 0) + 1);
  }

  /**
   * Returns the 20 apps with the most events since this process has started, and their numbers.
   *
   * @param appids - the only apps that are considered; `undefined` for all.
   */
  counts(appids: ReadonlySet<string> | undefined): readonly (readonly [appid: string, events: number])[] {
    return [...this.#counts.entries()]
      .filter(([appid]) => appids?.has(appid) ?? true)
      .sort(([, one], [, other]) => other - one)
      .slice(0, BUSIEST);
  }
}
