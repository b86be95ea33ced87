import { TokenError } from '../../core/model/errors.js';
import { InputMissing } from '../../core/model/input-missing.js';
import type { BuiltInRefresher, RefreshContext } from '../../core/model/refresher.js';
import { type TokenKey, tokenKey } from '../../core/model/token-key.js';
import { assertHolder, grantFromAnswer, refreshTokenFromAnswer } from './grant-from-answer.js';

/**
 * `authorizer_access_token`: the token of an account that has authorized the platform; the account is the subject. The
 * stored refresh token takes precedence, because the one in the params is as old as the registration.
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/api_authorizer_token.html
 */
export const authorizerAccessTokenRefresher: BuiltInRefresher<'authorizer_access_token'> = {
  type: 'authorizer_access_token',
  spends: 'authorizer_refresh_token',
  needsParams: ({ subject }) => subject === undefined,
  dependsOn: ({ appid }) => [componentTokenKey(appid)],
  async refresh(context) {
    const { key, params, token, spend, request } = context;
    const authorizer = authorizerOf(context);
    const query = { component_access_token: await token(componentTokenKey(key.appid)) };
    const offered = params['authorizer_refresh_token'] as string | undefined;
    const { value: sent } = await spend(offered, { prefer: 'stored' });
    const body = { component_appid: key.appid, authorizer_appid: authorizer, authorizer_refresh_token: sent };
    const answer = await request({ method: 'POST', path: '/cgi-bin/component/api_authorizer_token', query, body });
    assertHolder(key, 'authorizer_appid', authorizer, answer);
    return {
      ...grantFromAnswer(answer, 'authorizer_access_token'),
      refreshToken: refreshTokenFromAnswer(answer, 'authorizer_refresh_token', sent),
    };
  },
};

function authorizerOf({ key, params }: RefreshContext): string {
  if (key.subject !== undefined) return key.subject;
  const given = params['authorizer_appid'];
  if (typeof given === 'string' && given !== '') return given;
  const message = `${key.type} needs a subject, or authorizer_appid in the params of the task`;
  throw new InputMissing(new TokenError('INPUT_MISSING', message, key));
}

function componentTokenKey(appid: string): TokenKey {
  return tokenKey(appid, 'component_access_token', undefined);
}
