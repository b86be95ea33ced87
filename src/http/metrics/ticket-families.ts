import type { VerifyTickets } from '../../core/pushes/verify-tickets.js';
import type { MetricFamily } from './exposition.js';

/**
 * Returns the metrics of the tickets that WeChat pushes to third-party platforms.
 *
 * @param appids - the only apps that are counted; `undefined` for all.
 */
export function ticketFamilies(
  tickets: Pick<VerifyTickets, 'states'>,
  appids: ReadonlySet<string> | undefined,
): readonly MetricFamily[] {
  const states = [...tickets.states()].filter(({ appid }) => appids === undefined || appids.has(appid));
  return [
    {
      name: 'wechat_token_manager_verify_tickets_missing',
      type: 'gauge',
      help: 'Third-party platforms without a new verify ticket for 30 minutes, among those that this process knows.',
      points: [{ value: states.filter(({ isMissing }) => isMissing).length }],
    },
    {
      name: 'wechat_token_manager_verify_ticket_age_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'The time since WeChat made the last verify ticket of each platform that this process knows and that has had one.',
      points: states.flatMap(({ appid, lastTicketAt, silentMs }) =>
        lastTicketAt === undefined ? [] : [{ labels: { appid }, value: silentMs / 1_000 }],
      ),
    },
  ];
}
