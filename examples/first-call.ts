import type { TokenManager } from 'wechat-token-manager';

/** Asks WeChat from which addresses it sends messages. */
export async function callbackIps(tokens: TokenManager, appid: string): Promise<unknown> {
  // #region first-call
  const answer = await tokens.call(appid, 'access_token', async (token) => {
    const response = await fetch(`https://api.weixin.qq.com/cgi-bin/getcallbackip?access_token=${token}`);
    return response.json();
  });
  // #endregion
  return answer;
}
