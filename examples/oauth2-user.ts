// #region oauth2-user
import type { TokenManager } from 'wechat-token-manager';

interface Authorization {
  readonly errcode?: number;
  readonly openid: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly scope: string;
}

const MONTH_SECONDS = 30 * 24 * 3_600;

/** For the page to which WeChat sends the user back, with the `code` of its query. */
export async function logIn(
  tokens: TokenManager,
  { appid, secret, code }: { appid: string; secret: string; code: string },
  origin = 'https://api.weixin.qq.com',
): Promise<string> {
  const query = new URLSearchParams({ appid, secret, code, grant_type: 'authorization_code' });
  const response = await fetch(`${origin}/sns/oauth2/access_token?${query}`);
  const answer = (await response.json()) as Authorization;
  if (answer.errcode !== undefined) throw new Error(`WeChat refused the login with ${answer.errcode}`);
  const grant = {
    value: answer.access_token,
    expiresInSeconds: answer.expires_in,
    refreshToken: answer.refresh_token,
    refreshTokenExpiresInSeconds: MONTH_SECONDS,
    // With it, a silent visit (snsapi_base) leaves the token that the user has consented to (snsapi_userinfo).
    scope: answer.scope,
  };
  await tokens.put(appid, 'oauth2_access_token', grant, { subject: answer.openid });
  return answer.openid;
}

/** At any later time, in any process: refreshed when it is needed. After a month it is REAUTHORIZATION_REQUIRED. */
export function userToken(tokens: TokenManager, appid: string, openid: string): Promise<string> {
  return tokens.get(appid, 'oauth2_access_token', { subject: openid });
}
// #endregion
