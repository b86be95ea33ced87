import type { JsonObject } from '../../core/primitives/json.js';
import type { FakeRequest } from './call.js';
import {
  errorAnswer,
  type FakeEndpoint,
  type FakeState,
  isForeignAddress,
  overQuota,
  refuseApp,
  textOf,
} from './endpoint.js';

const TICKET_REFUSALS = { unknown: 61006, expired: 61005 } as const;
const REFRESH_TOKEN_REFUSALS = { unauthorized: 61003, withdrawn: 61003, unknown: 61023, expired: 61023 } as const;

const componentToken: FakeEndpoint = {
  tokenType: () => 'component_access_token',
  appid: componentOf,
  answer(request, state) {
    if (request.method !== 'POST') return errorAnswer(43002);
    if (request.body === undefined) return errorAnswer(47001);
    const { component_appid, component_appsecret, component_verify_ticket } = request.body;
    const component = textOf(component_appid);
    const refusal =
      refusePlatform(request, state, component) ?? refuseApp(request, state, component, textOf(component_appsecret));
    if (refusal !== undefined) return refusal;
    const issue = state.platforms.componentToken(String(component), textOf(component_verify_ticket) ?? '');
    if (typeof issue === 'string') return errorAnswer(TICKET_REFUSALS[issue]);
    return { component_access_token: issue.value, expires_in: issue.expiresInSeconds };
  },
};

const authorizerToken: FakeEndpoint = {
  tokenType: () => 'authorizer_access_token',
  appid: componentOf,
  subject: ({ body }) => textOf(body?.['authorizer_appid']) ?? undefined,
  answer(request, state) {
    if (request.method !== 'POST') return errorAnswer(43002);
    if (request.body === undefined) return errorAnswer(47001);
    const { component_appid, authorizer_appid, authorizer_refresh_token } = request.body;
    const component = textOf(component_appid);
    const refusal =
      refuseComponentToken(request, state, component) ??
      refusePlatform(request, state, component) ??
      overQuota(state.quotas.take(String(component), request.path));
    if (refusal !== undefined) return refusal;
    const merchant = textOf(authorizer_appid) ?? '';
    const issue = state.platforms.authorizerToken(String(component), merchant, textOf(authorizer_refresh_token) ?? '');
    if (typeof issue === 'string') return errorAnswer(REFRESH_TOKEN_REFUSALS[issue]);
    return {
      authorizer_access_token: issue.value,
      expires_in: issue.expiresInSeconds,
      authorizer_refresh_token: issue.refreshToken,
    };
  },
};

export const PLATFORM_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/cgi-bin/component/api_component_token', componentToken],
  ['/cgi-bin/component/api_authorizer_token', authorizerToken],
];

/** Returns the error of a platform's endpoint, whose texts differ from those for apps. */
function refusePlatform(
  request: FakeRequest,
  { findApp }: FakeState,
  component: string | null,
): JsonObject | undefined {
  if (component === null) return errorAnswer(41018);
  return isForeignAddress(request, findApp(component))
    ? errorAnswer(61004, `access clientip is not registered requestIP: ${request.ip}`)
    : undefined;
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

function componentOf({ body }: FakeRequest): string | undefined {
  return textOf(body?.['component_appid']) ?? undefined;
}
