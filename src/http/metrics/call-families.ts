import type { CallCounts } from '../../gateway/call-counts.js';
import type { MetricFamily } from './exposition.js';

/**
 * Returns the metrics of the calls that were made for programs.
 *
 * @param appids - the only apps that the caller may see; `undefined` for all.
 */
export function callFamilies(calls: CallCounts, appids: ReadonlySet<string> | undefined): readonly MetricFamily[] {
  return [
    {
      name: 'wechat_token_manager_calls',
      type: 'counter',
      help: 'Calls of the WeChat API that this process made for programs, by outcome.',
      points: [...calls.outcomes.counts()],
    },
    {
      name: 'wechat_token_manager_app_calls',
      type: 'counter',
      help: 'Calls of the WeChat API that this process made for programs, for the 20 apps with the most.',
      points: calls.apps.counts(appids).map(([appid, value]) => ({ labels: { appid }, value })),
    },
  ];
}
