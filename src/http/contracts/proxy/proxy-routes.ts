import { isTokenError } from '../../../core/model/errors.js';
import { assertAppid, type TokenKey, tokenKey } from '../../../core/model/token-key.js';
import { comparablePath, isCanonicalPath } from '../../../gateway/canonical-path.js';
import { tokenParameterOf } from '../../../wechat/token-parameter.js';
import { Admission } from '../../access/admission.js';
import type { HttpAnswer } from '../../messages/http-message.js';
import { assertForwardable, forward } from '../../routing/forwarded-call.js';
import { assertKnownSubject } from '../../routing/known-subject.js';
import { problemDetails } from '../../routing/problem-details.js';
import type { RequestContext } from '../../routing/request-context.js';
import { badRequest, RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';
import { AUTHORIZER_TYPE, COMPONENT_TYPE, USER_TYPE } from '../wechat/token-types.js';
import { isUserCall } from '../wechat/wechat-paths.js';
import { isNeverCalled, mayCall } from './callable-paths.js';

const ROUTE = '/proxy/:appid/*';
const APP_TYPE = 'access_token';
/** The types of tokens that calls may carry. Tickets are no credentials of calls. */
const CALL_TYPES: ReadonlySet<string> = new Set([APP_TYPE, COMPONENT_TYPE, AUTHORIZER_TYPE, USER_TYPE]);

/** Creates the route that calls WeChat's API for programs that have an API key instead of a token. */
export function proxyRoutes(services: RouteServices): readonly Route[] {
  return [
    {
      path: ROUTE,
      methods: ['GET', 'POST'],
      scope: 'call',
      changes: true,
      contract: problemDetails,
      answer: (context) => call(context, services),
    },
  ];
}

async function call(context: RequestContext, services: RouteServices): Promise<HttpAnswer> {
  const { request, keyId } = context;
  assertForwardable(context);
  const path = pathIn(request.path);
  if (!isCanonicalPath(path)) {
    throw badRequest('the path of WeChat must be segments of letters, digits, _ - and dots between them, not encoded');
  }
  const comparable = comparablePath(path);
  if (!mayCall(comparable, context.paths)) throw new RouteFailure({ status: 403, message: refusalOf(comparable) });
  const appid = context.param('appid');
  assertAppid(appid);
  const subject = request.header('x-token-subject') || undefined;
  const found = request.header('x-token-type') || defaultType(appid, services);
  const type = typeof found === 'string' ? found : await found;
  if (!CALL_TYPES.has(type)) throw badRequest(`X-Token-Type must be one of ${[...CALL_TYPES].join(', ')}`);
  assertFits(type, comparable);
  if (subject !== undefined) await assertKnownSubject({ appid, type, subject }, services);
  const token = { of: { appid, type, subject }, parameter: tokenParameterOf(comparable, type) };
  const assertAllowed = (): void => assertReadmitted(request.authorization ?? '', appid, comparable, services);
  return forward(context, services.gateway, { appid, token, isTokenHidden: true, assertAllowed, path, keyId });
}

/**
 * Asserts that the key of a call still opens it, because the body may have arrived long after the head.
 *
 * @throws RouteFailure with what the key is answered now.
 */
function assertReadmitted(authorization: string, appid: string, path: string, { access }: RouteServices): void {
  const admitted = access.readmit(authorization);
  const refusal = admitted instanceof Admission ? admitted.refusal('call', appid) : admitted;
  if (refusal !== undefined) throw new RouteFailure(refusal);
  if (admitted instanceof Admission && !mayCall(path, admitted.paths)) {
    throw new RouteFailure({ status: 403, message: refusalOf(path) });
  }
}

/**
 * Asserts that a call carries the token of a user exactly where WeChat takes one. WeChat would reject any other as stale, and a
 * valid token would be replaced, for which the app has few reports a day.
 *
 * @throws RouteFailure with status 400.
 */
function assertFits(type: string, path: string): void {
  if (isUserCall(path) === (type === USER_TYPE)) return;
  throw badRequest(
    type === USER_TYPE
      ? "a user's token may not call this path"
      : `this path needs a user's token: X-Token-Type: ${USER_TYPE}, and X-Token-Subject`,
  );
}

/** Returns why a path is refused, so that the paths of a key are not widened in vain. */
function refusalOf(path: string): string {
  return isNeverCalled(path) ? 'this path is refused for every key' : 'this key may not call this path';
}

/** Returns what follows the appid. */
function pathIn(path: string): string {
  const appidAt = path.indexOf('/', 1) + 1;
  return path.slice(path.indexOf('/', appidAt));
}

/** Returns the type of the tokens of an app or a platform: at once if its tasks are in memory, as for most calls. */
function defaultType(appid: string, services: RouteServices): string | Promise<string> {
  const key = tokenKey(appid, COMPONENT_TYPE, undefined);
  return services.registry.isCached(key) ? typeOf(key, services) : loadedType(key, services);
}

/**
 * Returns the type by what the store has. While the store fails, an app whose access token is in memory counts as no platform,
 * because WeChat gives platforms none.
 */
async function loadedType(platform: TokenKey, services: RouteServices): Promise<string> {
  const { registry, records } = services;
  try {
    await registry.load([platform]);
  } catch (error) {
    const isAway = isTokenError(error) && error.code === 'STORE_UNAVAILABLE';
    if (isAway && records.hit(platform.appid, APP_TYPE) !== undefined) return APP_TYPE;
    throw error;
  }
  return typeOf(platform, services);
}

function typeOf(platform: TokenKey, { registry }: RouteServices): string {
  return registry.task(platform) === undefined ? APP_TYPE : COMPONENT_TYPE;
}
