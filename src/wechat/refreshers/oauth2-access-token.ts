import type { BuiltInRefresher } from '../../core/model/refresher.js';
import { assertHolder, grantFromAnswer, refreshTokenFromAnswer } from './grant-from-answer.js';

const REFRESH_TOKEN_LIFE_SECONDS = 30 * 86_400;

/**
 * `oauth2_access_token`: the token of a user, whose openid is the subject. Its refresh token comes with the user's
 * authorization and expires 30 days later, whether it is used or not.
 *
 * @see https://developers.weixin.qq.com/doc/service/api/webdev/access/api_snsrefreshtoken.html
 */
export const oauth2AccessTokenRefresher: BuiltInRefresher<'oauth2_access_token'> = {
  type: 'oauth2_access_token',
  spends: 'refresh_token',
  async refresh({ key, params, spend, request }) {
    const { value: sent, stored } = await spend(params['refresh_token'] as string | undefined);
    const query = { appid: key.appid, grant_type: 'refresh_token', refresh_token: sent };
    const answer = await request({ method: 'GET', path: '/sns/oauth2/refresh_token', query });
    assertHolder(key, 'openid', key.subject, answer);
    return {
      ...grantFromAnswer(answer, 'access_token'),
      refreshToken: refreshTokenFromAnswer(answer, 'refresh_token', sent),
      ...(stored ? {} : { refreshTokenExpiresInSeconds: REFRESH_TOKEN_LIFE_SECONDS }),
    };
  },
};
