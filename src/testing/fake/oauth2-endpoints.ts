import { codeLogin } from './code-login.js';
import { errorAnswer, type FakeEndpoint, overQuota } from './endpoint.js';
import type { FakeUserIssue } from './user-book.js';

/**
 * The answer of WeChat when a user has logged in.
 *
 * @public
 */
// This is not an interface because an interface would not be assignable to JsonObject.
export type FakeUserTokens = {
  readonly access_token: string;
  /** The lifetime in seconds. */
  readonly expires_in: number;
  /** The refresh token. It is valid for 30 days, which refreshes do not extend. */
  readonly refresh_token: string;
  readonly openid: string;
  readonly scope: string;
};

const TYPE = 'oauth2_access_token';
const REFUSALS = { unknown: 40030, expired: 42002, withdrawn: 42007 } as const;

const exchange = codeLogin({
  tokenType: TYPE,
  parameter: 'code',
  expired: 42003,
  answer: (user, { users }) => userAnswer(users.authorize(user)),
});

const refresh: FakeEndpoint = {
  tokenType: () => TYPE,
  appid: ({ query }) => query.get('appid') ?? undefined,
  subject: ({ query }, { users }) => users.userOf(query.get('refresh_token') ?? '')?.openid,
  answer({ query, path }, { users, quotas, findApp }) {
    const appid = query.get('appid') ?? '';
    const refreshToken = query.get('refresh_token') ?? '';
    if (query.get('grant_type') !== 'refresh_token') return errorAnswer(40002);
    if (appid === '') return errorAnswer(41002);
    if (findApp(appid) === undefined) return errorAnswer(40013);
    if (refreshToken === '') return errorAnswer(41003);
    const exhausted = overQuota(quotas.take(appid, path));
    if (exhausted !== undefined) return exhausted;
    const issue = users.refresh(appid, refreshToken);
    return typeof issue === 'string' ? errorAnswer(REFUSALS[issue]) : userAnswer(issue);
  },
};

const check: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ({ query }, { users }) => users.userOf(query.get('access_token') ?? '')?.appid,
  subject: ({ query }) => query.get('openid') ?? undefined,
  answer({ query }, { users }) {
    const token = query.get('access_token') ?? '';
    if (token === '') return errorAnswer(41001);
    const tokenState = users.stateOf(token);
    if (tokenState === 'expired') return errorAnswer(42001);
    if (tokenState === 'invalid') return errorAnswer(40001);
    if (users.userOf(token)?.openid !== query.get('openid')) return errorAnswer(40003, 'invalid openid');
    return { errcode: 0, errmsg: 'ok' };
  },
};

export const OAUTH2_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/sns/oauth2/access_token', exchange],
  ['/sns/oauth2/refresh_token', refresh],
  ['/sns/auth', check],
];

export function userAnswer({ user, value, expiresInSeconds, refreshToken }: FakeUserIssue): FakeUserTokens {
  const { openid, scope } = user;
  return { access_token: value, expires_in: expiresInSeconds, refresh_token: refreshToken, openid, scope };
}
