// #region call
import type { TokenManager } from 'wechat-token-manager';

export interface Answer {
  readonly errcode?: number;
  readonly errmsg?: string;
  readonly ip_list?: readonly string[];
}

/** A call that survives a token which somebody else has made invalid: it is replaced and the call made once more. */
export function callbackIps(
  tokens: TokenManager,
  appid: string,
  origin = 'https://api.weixin.qq.com',
): Promise<Answer> {
  return tokens.call(appid, 'access_token', async (token): Promise<Answer> => {
    const response = await fetch(`${origin}/cgi-bin/getcallbackip?access_token=${token}`);
    return (await response.json()) as Answer;
  });
}
// #endregion
