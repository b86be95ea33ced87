// #region migrate-co-wechat-api
import WechatAPI from 'co-wechat-api';
import type { TokenManager } from 'wechat-token-manager';

/** An API object as before, whose tokens and tickets come from `tokens`. It needs no secret any more. */
export function createApi(tokens: TokenManager, appid: string): WechatAPI {
  const getToken = async () => {
    const { value, expiresAt } = await tokens.getRecord(appid, 'access_token');
    return { accessToken: value, expireTime: expiresAt };
  };
  const getTicket = async (type: string) => {
    const { value, expiresAt } = await tokens.getRecord(appid, type === 'wx_card' ? 'wx_card_ticket' : 'jsapi_ticket');
    return { ticket: value, expireTime: expiresAt };
  };
  const save = async () => {};
  // The fifth argument is `tokenFromCustom`: true keeps the API from fetching tokens itself after a 40001.
  const api = new WechatAPI(appid, '', getToken, save, true);
  api.registerTicketHandle(getTicket, save);
  return api;
}

/** Wrapped in `call`, a request that meets a stale token is made once more with a new one. */
export function callbackIps(tokens: TokenManager, api: WechatAPI, appid: string): Promise<{ ip_list: string[] }> {
  return tokens.call(appid, 'access_token', () => api.getIp());
}
// #endregion
