import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';
import { CallCredentials } from './call-credentials.js';
import { callRoutes } from './call-routes.js';
import { componentRoutes } from './component-routes.js';
import { PairCheck } from './pair-check.js';
import { PassedGrants } from './passed-grants.js';
import { tokenRoutes } from './token-routes.js';

/**
 * Creates the routes that take the place of WeChat's API for SDKs whose base URL is changed. The credentials are those of
 * WeChat: a pair of appid and secret, or a token that was handed out here.
 */
export function wechatRoutes(services: RouteServices): readonly Route[] {
  const { knownTokens: known } = services;
  const pairs = new PairCheck(services);
  const credentials = new CallCredentials(services, known, pairs);
  const grants = new PassedGrants(services, known);
  const parts = { services, known, pairs, credentials, grants };
  return [...tokenRoutes(services, known, pairs), ...componentRoutes(parts), ...callRoutes(parts)];
}
