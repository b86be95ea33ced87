import type { PushCounts } from '../../platform/pushes/push-counts.js';
import type { MetricFamily } from './exposition.js';

/**
 * Returns the metrics of pushes.
 *
 * @param appids - the only apps that the caller may see; `undefined` for all.
 */
export function pushFamilies(pushes: PushCounts, appids: ReadonlySet<string> | undefined): readonly MetricFamily[] {
  return [
    {
      name: 'wechat_token_manager_pushes',
      type: 'counter',
      help: 'Pushes that this process answered, and checks of its URL, by outcome.',
      points: [...pushes.outcomes.counts()],
    },
    {
      name: 'wechat_token_manager_app_troubled_pushes',
      type: 'counter',
      help: 'Pushes that this process did not accept, for the 20 registered apps with the most.',
      points: pushes.troubled.counts(appids).map(([appid, value]) => ({ labels: { appid }, value })),
    },
  ];
}
