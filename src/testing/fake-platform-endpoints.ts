import type { FakeRequest } from './fake-call.js';
import { errorAnswer, type FakeEndpoint, overQuota, refuseApp, textOf } from './fake-endpoint.js';

const TICKET_REFUSALS = { unknown: 61006, expired: 61005 } as const;
const REFRESH_TOKEN_REFUSALS = { unknown: 61023, expired: 61023, withdrawn: 61003 } as const;

const componentToken: FakeEndpoint = {
  tokenType: () => 'component_access_token',
  appid: componentOf,
  answer(request, state) {
    if (request.method !== 'POST') return errorAnswer(43002);
    if (request.body === undefined) return errorAnswer(47001);
    const { component_appid, component_appsecret, component_verify_ticket } = request.body;
    const refusal = refuseApp(request, state, textOf(component_appid), textOf(component_appsecret), true);
    if (refusal !== undefined) return refusal;
    const issue = state.platforms.componentToken(String(component_appid), textOf(component_verify_ticket) ?? '');
    if (typeof issue === 'string') return errorAnswer(TICKET_REFUSALS[issue]);
    return { component_access_token: issue.value, expires_in: issue.expiresInSeconds };
  },
};

const authorizerToken: FakeEndpoint = {
  tokenType: () => 'authorizer_access_token',
  appid: componentOf,
  subject: ({ body }) => textOf(body?.['authorizer_appid']) ?? undefined,
  answer(request, { tokens, platforms, quotas }) {
    if (request.method !== 'POST') return errorAnswer(43002);
    if (request.body === undefined) return errorAnswer(47001);
    const { query, body } = request;
    const token = query.get('component_access_token') ?? query.get('access_token') ?? '';
    if (token === '') return errorAnswer(41021);
    const tokenState = tokens.stateOf(token);
    if (tokenState === 'expired') return errorAnswer(42001);
    if (tokenState === 'invalid') return errorAnswer(40001);
    if (!tokens.isComponentToken(token)) return errorAnswer(61014);
    const component = textOf(body['component_appid']) ?? '';
    if (tokens.appidOf(token) !== component) return errorAnswer(40013);
    const exhausted = overQuota(quotas.take(component, request.path));
    if (exhausted !== undefined) return exhausted;
    const merchant = textOf(body['authorizer_appid']) ?? '';
    const refreshToken = textOf(body['authorizer_refresh_token']) ?? '';
    const answer = platforms.authorizerToken(component, merchant, refreshToken);
    if (typeof answer === 'string') return errorAnswer(REFRESH_TOKEN_REFUSALS[answer]);
    return {
      authorizer_access_token: answer.issue.value,
      expires_in: answer.issue.expiresInSeconds,
      authorizer_refresh_token: answer.refreshToken,
    };
  },
};

export const PLATFORM_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/cgi-bin/component/api_component_token', componentToken],
  ['/cgi-bin/component/api_authorizer_token', authorizerToken],
];

function componentOf({ body }: FakeRequest): string | undefined {
  return textOf(body?.['component_appid']) ?? undefined;
}
