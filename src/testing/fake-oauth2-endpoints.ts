import type { JsonObject } from '../core/json.js';
import type { FakeRequest } from './fake-call.js';
import { errorAnswer, type FakeEndpoint, refuseApp } from './fake-endpoint.js';
import type { FakeUserIssue } from './fake-user-book.js';

const TYPE = 'oauth2_access_token';
const REFUSALS = { unknown: 40030, expired: 42002, withdrawn: 42007 } as const;

const exchange: FakeEndpoint = {
  tokenType: () => TYPE,
  appid: appidOf,
  answer(request, state) {
    const { query } = request;
    const appid = query.get('appid');
    if (query.get('grant_type') !== 'authorization_code') return errorAnswer(40002);
    const refusal = refuseApp(request, state, appid, query.get('secret'));
    if (refusal !== undefined) return refusal;
    const code = query.get('code') ?? '';
    if (code === '') return errorAnswer(41008);
    const issue = state.users.exchange(String(appid), code);
    if (issue === 'unknown') return errorAnswer(40029);
    return issue === 'used' ? errorAnswer(40163) : userAnswer(issue);
  },
};

const refresh: FakeEndpoint = {
  tokenType: () => TYPE,
  appid: appidOf,
  subject: ({ query }, { refreshTokens }) => {
    const owner = refreshTokens.ownerOf(query.get('refresh_token') ?? '');
    return owner?.slice(owner.indexOf('/') + 1);
  },
  answer({ query }, { users, findApp }) {
    const appid = query.get('appid') ?? '';
    const refreshToken = query.get('refresh_token') ?? '';
    if (query.get('grant_type') !== 'refresh_token') return errorAnswer(40002);
    if (appid === '') return errorAnswer(41002);
    if (findApp(appid) === undefined) return errorAnswer(40013);
    if (refreshToken === '') return errorAnswer(41003);
    const issue = users.refresh(appid, refreshToken);
    return typeof issue === 'string' ? errorAnswer(REFUSALS[issue]) : userAnswer(issue);
  },
};

const check: FakeEndpoint = {
  tokenType: () => undefined,
  appid: () => undefined,
  subject: ({ query }) => query.get('openid') ?? undefined,
  answer({ query }, { users }) {
    const token = query.get('access_token') ?? '';
    const tokenState = users.stateOf(token);
    if (tokenState === 'expired') return errorAnswer(42001);
    if (tokenState === 'invalid') return errorAnswer(40001);
    return users.openidOf(token) === query.get('openid') ? { errcode: 0, errmsg: 'ok' } : errorAnswer(40003);
  },
};

export const OAUTH2_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/sns/oauth2/access_token', exchange],
  ['/sns/oauth2/refresh_token', refresh],
  ['/sns/auth', check],
];

export function userAnswer({ openid, accessToken, expiresInSeconds, refreshToken }: FakeUserIssue): JsonObject {
  return {
    access_token: accessToken,
    expires_in: expiresInSeconds,
    refresh_token: refreshToken,
    openid,
    scope: 'snsapi_base',
  };
}

function appidOf({ query }: FakeRequest): string | undefined {
  return query.get('appid') ?? undefined;
}
