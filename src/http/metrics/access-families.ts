import type { AccessCheck } from '../access/access-check.js';
import type { Peers } from '../access/peers.js';
import type { RequestContext } from '../routing/request-context.js';
import type { MetricFamily } from './exposition.js';

/** Returns the metrics of callers: the refused requests, and the last use of each key that the caller may see. */
export function accessFamilies(
  { refused, connectionsRefused }: Peers,
  access: AccessCheck,
  { appids, keyId }: Pick<RequestContext, 'appids' | 'keyId'>,
): readonly MetricFamily[] {
  const keys = appids === undefined ? access.keys() : access.keys(keyId ?? '');
  return [
    {
      name: 'wechat_token_manager_refused_requests',
      type: 'counter',
      help: 'Requests that this process refused because of a missing or invalid key, by reason.',
      points: [...refused.counter.counts()],
    },
    {
      name: 'wechat_token_manager_refused_connections',
      type: 'counter',
      help: 'Connections that this process closed because a peer without an accepted request held half of all, or sent many requests or tiny pieces of a body at once.',
      points: [{ value: connectionsRefused }],
    },
    {
      name: 'wechat_token_manager_key_last_used_timestamp_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'The time of the last request with the API key that this process accepted, in seconds since 1970.',
      points: keys.flatMap(({ id, note, lastUsedAt }) =>
        lastUsedAt === undefined ? [] : [{ labels: { key: id, note }, value: lastUsedAt / 1_000 }],
      ),
    },
  ];
}
