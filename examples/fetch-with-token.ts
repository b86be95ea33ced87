// #region fetch-with-token
import { createFetch, type TokenManager } from 'wechat-token-manager';

export async function sendText(tokens: TokenManager, appid: string, openid: string, content: string): Promise<void> {
  const wechat = createFetch(tokens, appid);
  const response = await wechat('/cgi-bin/message/custom/send', {
    method: 'POST',
    body: JSON.stringify({ touser: openid, msgtype: 'text', text: { content } }),
  });
  const { errcode, errmsg } = (await response.json()) as { errcode: number; errmsg: string };
  if (errcode !== 0) throw new Error(`WeChat answered ${errcode}: ${errmsg}`);
}
// #endregion
