import { jsonAnswer } from '../messages/http-message.js';
import { problemDetails } from '../routing/problem-details.js';
import type { RouteServices } from '../routing/route-services.js';
import type { Route } from '../routing/router.js';
import { Readiness } from './readiness.js';

/** Creates the routes for load balancers and supervisors, which have no key. Neither route depends on a task or on WeChat. */
export function healthRoutes(services: RouteServices): readonly Route[] {
  const readiness = new Readiness(services);
  const contract = problemDetails;
  return [
    {
      path: '/healthz',
      methods: ['GET'],
      scope: 'open',
      changes: false,
      contract,
      answer: () => jsonAnswer(200, { status: 'alive' }),
    },
    { path: '/readyz', methods: ['GET'], scope: 'open', changes: false, contract, answer: () => readiness.answer() },
  ];
}
