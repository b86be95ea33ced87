import type { JsonObject } from '../../core/primitives/json.js';
import { AUTHORIZER_ENDPOINTS } from './authorizer-endpoints.js';
import { errorAnswer, type FakeEndpoint, refuseApp, textOf } from './endpoint.js';
import { FOLLOWER_ENDPOINTS } from './follower-endpoints.js';
import type { FakeIssue } from './issue.js';
import { MINI_PROGRAM_ENDPOINTS } from './mini-program-endpoints.js';
import { OAUTH2_ENDPOINTS } from './oauth2-endpoints.js';
import { PLATFORM_ENDPOINTS } from './platform-endpoints.js';
import { ownerOfToken, refuseToken } from './token-check.js';

const GRANT_TYPE = 'client_credential';

const plainToken: FakeEndpoint = {
  tokenType: () => 'access_token',
  appid: ({ query }) => query.get('appid') ?? undefined,
  answer(request, state) {
    const { query } = request;
    const appid = query.get('appid');
    if (query.get('grant_type') !== GRANT_TYPE) return errorAnswer(40002);
    const refusal = refuseApp(request, state, appid, query.get('secret'));
    if (refusal !== undefined) return refusal;
    return tokenAnswer(state.tokens.plainToken(String(appid)));
  },
};

const stableToken: FakeEndpoint = {
  tokenType: () => 'access_token',
  appid: ({ body }) => textOf(body?.['appid']) ?? undefined,
  answer(request, state) {
    if (request.method !== 'POST') return errorAnswer(43002);
    if (request.body === undefined) return errorAnswer(47001);
    const { grant_type, appid, secret, force_refresh } = request.body;
    if (grant_type !== GRANT_TYPE) return errorAnswer(40002);
    const refusal = refuseApp(request, state, textOf(appid), textOf(secret));
    if (refusal !== undefined) return refusal;
    return tokenAnswer(state.tokens.stableToken(String(appid), force_refresh === true));
  },
};

const TICKET_TYPES: ReadonlyMap<string, string> = new Map([
  ['jsapi', 'jsapi_ticket'],
  ['wx_card', 'wx_card_ticket'],
]);

const ticket: FakeEndpoint = {
  tokenType: ({ query }) => TICKET_TYPES.get(query.get('type') ?? ''),
  appid: ownerOfToken,
  answer(request, state) {
    const refusal = refuseToken(request, state);
    if (refusal !== undefined) return refusal;
    const type = request.query.get('type') ?? '';
    if (!TICKET_TYPES.has(type)) return errorAnswer(47001);
    const { value, expiresInSeconds } = state.tickets.ticket(String(ownerOfToken(request, state)), type);
    return { errcode: 0, errmsg: 'ok', ticket: value, expires_in: expiresInSeconds };
  },
};

const callbackIp: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ownerOfToken,
  answer: (request, state) => refuseToken(request, state) ?? { ip_list: ['127.0.0.1'] },
};

/** The endpoints by path. */
export const FAKE_ENDPOINTS: ReadonlyMap<string, FakeEndpoint> = new Map([
  ['/cgi-bin/token', plainToken],
  ['/cgi-bin/stable_token', stableToken],
  ['/cgi-bin/ticket/getticket', ticket],
  ['/cgi-bin/getcallbackip', callbackIp],
  ...FOLLOWER_ENDPOINTS,
  ...OAUTH2_ENDPOINTS,
  ...MINI_PROGRAM_ENDPOINTS,
  ...PLATFORM_ENDPOINTS,
  ...AUTHORIZER_ENDPOINTS,
]);

function tokenAnswer({ value, expiresInSeconds }: FakeIssue): JsonObject {
  return { access_token: value, expires_in: expiresInSeconds };
}
