import { closedError } from '../../core/model/errors.js';
import { problemDetails } from '../routing/problem-details.js';
import type { RouteServices } from '../routing/route-services.js';
import type { Route } from '../routing/router.js';
import { acceptedFormat } from './accepted-format.js';
import { accessFamilies } from './access-families.js';
import { callFamilies } from './call-families.js';
import { exposition } from './exposition.js';
import { metricFamilies } from './metric-families.js';
import { pushFamilies } from './push-families.js';
import { ticketFamilies } from './ticket-families.js';

/** Creates the route that serves metrics in the format of Prometheus. Tasks that a key may not see are not counted for it. */
export function metricsRoutes({
  closing,
  meters,
  store,
  censuses,
  access,
  peers,
  calls,
  pushes,
  tickets,
}: RouteServices): readonly Route[] {
  return [
    {
      path: '/metrics',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract: problemDetails,
      async answer(context) {
        if (closing.hasBegun) throw closedError();
        const format = acceptedFormat(context.request.accept);
        const headers = { 'Content-Type': format.contentType, 'Cache-Control': 'no-store', Vary: 'Accept' };
        const census = await censuses.of(context.appids);
        const families = [
          ...metricFamilies(meters, store, census),
          ...callFamilies(calls, context.appids),
          ...pushFamilies(pushes, context.appids),
          ...ticketFamilies(tickets, context.appids),
          ...accessFamilies(peers, access, context),
        ];
        return { status: 200, headers, body: exposition(families, format) };
      },
    },
  ];
}
