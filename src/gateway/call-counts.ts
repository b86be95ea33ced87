import { boundedCache } from '../core/primitives/bounded-cache.js';
import { Counter } from '../core/primitives/counters.js';
import { type ErrorClass, findErrorRow } from '../wechat/error-table.js';
import type { CallReport } from './call-report.js';

/**
 * The outcomes of calls: WeChat answered without an error, with one of a class, or not at all. `refused` are all errors that
 * concern the call itself.
 */
const OUTCOMES = ['ok', 'stale', 'quota', 'busy', 'permission', 'refused', 'failed'] as const;

type CallOutcome = (typeof OUTCOMES)[number];

const OUTCOME_OF_CLASS: Partial<Record<ErrorClass, CallOutcome>> = {
  stale: 'stale',
  rate: 'quota',
  quota: 'quota',
  retry: 'busy',
  config: 'permission',
  confirm: 'permission',
  kind: 'permission',
  account: 'permission',
};
const MAX_APPS = 10_000;
const BUSIEST = 20;

/** Counts the calls of WeChat's API by outcome and by app. */
export class CallCounts {
  readonly outcomes: Counter = new Counter(OUTCOMES.map((outcome) => ({ outcome })));
  readonly #ofApps = boundedCache<string, number>(MAX_APPS);

  note(report: CallReport): void {
    this.outcomes.add({ outcome: outcomeOf(report) });
    this.#ofApps.set(report.appid, (this.#ofApps.get(report.appid) ?? 0) + 1);
  }

  /**
   * Returns the apps with the most calls since this process has started, and the number of their calls.
   *
   * @param appids - the only apps that are considered; `undefined` for all.
   */
  busiest(appids: ReadonlySet<string> | undefined): readonly (readonly [appid: string, calls: number])[] {
    return [...this.#ofApps.entries()]
      .filter(([appid]) => appids?.has(appid) ?? true)
      .sort(([, one], [, other]) => other - one)
      .slice(0, BUSIEST);
  }
}

function outcomeOf({ failure, errcode = 0 }: CallReport): CallOutcome {
  if (failure !== undefined) return 'failed';
  if (errcode === 0) return 'ok';
  const row = findErrorRow(errcode);
  return (row && OUTCOME_OF_CLASS[row.classWithToken ?? row.class]) ?? 'refused';
}
