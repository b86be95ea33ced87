import { errorAnswer, type FakeEndpoint, overQuota, refuseApp, textOf } from './endpoint.js';
import { componentOf, refuseComponentCall, refusePlatform } from './token-check.js';

const TICKET_REFUSALS = { unknown: 61006, expired: 61005 } as const;

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

const preAuthCode: FakeEndpoint = {
  tokenType: () => 'pre_auth_code',
  appid: componentOf,
  answer(request, state) {
    const refusal = refuseComponentCall(request, state);
    if (refusal !== undefined) return refusal;
    const { preAuthCodes } = state.platforms;
    return {
      pre_auth_code: preAuthCodes.create(String(componentOf(request))),
      expires_in: preAuthCodes.lifeMs / 1_000,
    };
  },
};

const startPushTicket: FakeEndpoint = {
  tokenType: () => undefined,
  appid: componentOf,
  answer(request, state) {
    if (request.method !== 'POST') return errorAnswer(43002);
    if (request.body === undefined) return errorAnswer(47001);
    const component = textOf(request.body['component_appid']);
    const refusal = refusePlatform(request, state, component);
    if (refusal !== undefined) return refusal;
    const app = state.findApp(String(component));
    // WeChat documents no other error: neither for an absent secret nor for a wrong one.
    if (app === undefined || app.secret !== request.body['component_secret']) return errorAnswer(40013);
    const isNormal = state.platforms.hasTicket(String(component));
    return (
      overQuota(state.quotas.take(String(component), request.path)) ?? {
        errcode: 0,
        errmsg: isNormal ? 'in a normal state' : 'ok',
      }
    );
  },
};

export const PLATFORM_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/cgi-bin/component/api_component_token', componentToken],
  ['/cgi-bin/component/api_create_preauthcode', preAuthCode],
  ['/cgi-bin/component/api_start_push_ticket', startPushTicket],
];
