// #region call
import type { TokenManager } from 'wechat-token-manager';

export interface Answer {
  readonly errcode?: number;
  readonly errmsg?: string;
  readonly ip_list?: readonly string[];
}

/** Calls WeChat; if another system has invalidated the token, it is replaced and the call is made once more. */
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
