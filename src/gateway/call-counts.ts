import { BusiestApps } from '../core/primitives/busiest-apps.js';
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

/** Counts the calls of WeChat's API by outcome and by app. */
export class CallCounts {
  readonly outcomes: Counter = new Counter(OUTCOMES.map((outcome) => ({ outcome })));
  readonly apps: BusiestApps = new BusiestApps();

  note(report: CallReport): void {
    this.outcomes.add({ outcome: outcomeOf(report) });
    this.apps.add(report.appid);
  }
}

function outcomeOf({ failure, errcode = 0 }: CallReport): CallOutcome {
  if (failure !== undefined) return 'failed';
  if (errcode === 0) return 'ok';
  const row = findErrorRow(errcode);
  return (row && OUTCOME_OF_CLASS[row.classWithToken ?? row.class]) ?? 'refused';
}
