import { jsonAnswer } from '../http-message.js';
import type { RouteContext } from '../route-context.js';
import type { Route } from '../router.js';
import { nativeContract } from './native.js';

/** Lists the API keys without their hashes. A caller that may use some apps only sees its own key and no other. */
export function keyRoutes({ access }: RouteContext): readonly Route[] {
  return [
    {
      path: '/keys',
      methods: ['GET'],
      scope: 'read',
      changes: false,
      contract: nativeContract,
      answer(call) {
        const isForAll = call.appids === undefined;
        return jsonAnswer(200, { keys: isForAll ? access.keys() : access.keys(call.keyId ?? '') });
      },
    },
  ];
}
