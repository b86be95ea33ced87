import { isAppid } from '../../core/model/token-key.js';
import { BusiestApps } from '../../core/primitives/busiest-apps.js';
import { Counter } from '../../core/primitives/counters.js';
import type { Registry } from '../../core/registry/registry.js';

/**
 * The outcomes of pushes by the status of the answer. `unverified` pushes have a wrong signature or time, or are for another
 * account; `unknown` ones are for an app that is not registered for pushes.
 */
const OUTCOMES: ReadonlyMap<number, string> = new Map([
  [200, 'accepted'],
  [400, 'unreadable'],
  [401, 'unverified'],
  [404, 'unknown'],
  [429, 'limited'],
  [500, 'failed'],
]);

/** Counts the answers to pushes by outcome, and those that were not accepted by app. */
export class PushCounts {
  readonly outcomes: Counter = new Counter([...OUTCOMES.values()].map((outcome) => ({ outcome })));
  /** The pushes to registered apps that were not accepted. Anyone can push to appids that are none. */
  readonly troubled: BusiestApps = new BusiestApps();
  readonly #registry: Pick<Registry, 'hasApp'>;

  constructor(registry: Pick<Registry, 'hasApp'>) {
    this.#registry = registry;
  }

  /**
   * Notes an answer.
   *
   * @param appid - the app whose settings the push was judged by.
   */
  note(status: number, appid: string): void {
    this.outcomes.add({ outcome: OUTCOMES.get(status) ?? 'failed' });
    if (status !== 200 && isAppid(appid) && this.#registry.hasApp(appid)) this.troubled.add(appid);
  }
}
