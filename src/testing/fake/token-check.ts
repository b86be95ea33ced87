import type { JsonObject } from '../../core/primitives/json.js';
import type { FakeRequest } from './call.js';
import { errorAnswer, type FakeState, isForeignAddress, overQuota, textOf } from './endpoint.js';

/** Returns the error for a call whose access token is invalid or whose app exceeds its quota; `undefined` for none. */
export function refuseToken(request: FakeRequest, state: FakeState): JsonObject | undefined {
  const token = request.query.get('access_token') ?? '';
  if (token === '') return errorAnswer(41001);
  if (state.tokens.isComponentToken(token)) return errorAnswer(40001);
  const tokenState = state.tokens.stateOf(token);
  if (tokenState === 'expired') return errorAnswer(42001);
  if (tokenState === 'invalid') return errorAnswer(40001);
  return overQuota(state.quotas.take(String(state.tokens.appidOf(token)), request.path));
}

/** Returns the error for a call with a JSON body; `undefined` for none. */
export function refusePost(request: FakeRequest, state: FakeState): JsonObject | undefined {
  if (request.method !== 'POST') return errorAnswer(43002);
  return refuseToken(request, state) ?? (request.body === undefined ? errorAnswer(47001) : undefined);
}

/** Returns the appid to which the access token of a call belongs. */
export function ownerOfToken({ query }: FakeRequest, { tokens }: FakeState): string | undefined {
  return tokens.appidOf(query.get('access_token') ?? '');
}

/** Returns the error for a call that a platform makes with its token; `undefined` for none. */
export function refuseComponentCall(request: FakeRequest, state: FakeState): JsonObject | undefined {
  if (request.method !== 'POST') return errorAnswer(43002);
  if (request.body === undefined) return errorAnswer(47001);
  const component = textOf(request.body['component_appid']);
  return (
    refuseComponentToken(request, state, component) ??
    refusePlatform(request, state, component) ??
    overQuota(state.quotas.take(String(component), request.path))
  );
}

/** Returns the error of a platform's endpoint, whose texts differ from those for apps. */
export function refusePlatform(
  request: FakeRequest,
  { findApp }: FakeState,
  component: string | null,
): JsonObject | undefined {
  if (component === null) return errorAnswer(41018);
  return isForeignAddress(request, findApp(component))
    ? errorAnswer(61004, `access clientip is not registered requestIP: ${request.ip}`)
    : undefined;
}

export function componentOf({ body }: FakeRequest): string | undefined {
  return textOf(body?.['component_appid']) ?? undefined;
}

export function authorizerOf({ body }: FakeRequest): string | undefined {
  return textOf(body?.['authorizer_appid']) ?? undefined;
}

function refuseComponentToken(
  { query }: FakeRequest,
  { tokens }: FakeState,
  component: string | null,
): JsonObject | undefined {
  // WeChat documents both names for the same paths.
  const token = query.get('component_access_token') || query.get('access_token') || '';
  if (token === '') return errorAnswer(41021);
  const tokenState = tokens.stateOf(token);
  if (tokenState === 'expired') return errorAnswer(42001);
  if (tokenState === 'invalid') return errorAnswer(40001);
  if (!tokens.isComponentToken(token)) return errorAnswer(61014);
  return component === null || tokens.appidOf(token) === component ? undefined : errorAnswer(40013);
}
