import { jsonAnswer } from '../http-message.js';
import type { RouteContext } from '../route-context.js';
import type { Route } from '../router.js';
import { nativeContract } from './native.js';
import { Readiness } from './readiness.js';

/** Returns the routes for load balancers and supervisors, which have no key. Neither depends on a task or on WeChat. */
export function healthRoutes(context: RouteContext): readonly Route[] {
  const readiness = new Readiness(context);
  const contract = nativeContract;
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
