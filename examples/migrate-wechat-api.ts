// #region migrate-wechat-api
import { callbackify, promisify } from 'node:util';
import type { TokenManager } from 'wechat-token-manager';

/** For `new WechatAPI(appid, '', getToken)` and `api.registerTicketHandle(getTicket)`: nothing is left to be saved. */
export function tokenSources(tokens: TokenManager, appid: string) {
  const getToken = callbackify(async () => {
    const { value, expiresAt } = await tokens.getRecord(appid, 'access_token');
    return { accessToken: value, expireTime: expiresAt };
  });
  const getTicket = callbackify(async (type: string) => {
    const { value, expiresAt } = await tokens.getRecord(appid, type === 'wx_card' ? 'wx_card_ticket' : 'jsapi_ticket');
    return { ticket: value, expireTime: expiresAt };
  });
  return { getToken, getTicket };
}

/** Makes a call of the API, such as `(done) => api.getIp(done)`, and once more with a new token after a 40001. */
export function callApi<Answer>(
  tokens: TokenManager,
  appid: string,
  run: (done: (error: Error | null, answer: Answer) => void) => void,
): Promise<Answer> {
  return tokens.call(appid, 'access_token', () => promisify(run)());
}
// #endregion
