import { jsonAnswer } from '../../messages/http-message.js';
import { problemDetails } from '../../routing/problem-details.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';

/**
 * Creates the route that lists the API keys without their hashes. A caller that is limited to some apps sees only its own
 * key.
 */
export function keyRoutes({ access }: RouteServices): readonly Route[] {
  return [
    {
      path: '/keys',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract: problemDetails,
      answer(context) {
        const isForAll = context.appids === undefined;
        return jsonAnswer(200, { keys: isForAll ? access.keys() : access.keys(context.keyId ?? '') });
      },
    },
  ];
}
