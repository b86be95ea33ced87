// #region gateway-co-wechat-api
import WechatAPI from 'co-wechat-api';

/** @param server - the address of the token server, such as `http://10.0.0.5:9001`. */
export function createCoWechatApi(server: string, appid: string, secret: string): WechatAPI {
  const api = new WechatAPI(appid, secret);
  api.prefix = `${server}/cgi-bin/`;
  api.snsPrefix = `${server}/sns/`;
  api.wxaPrefix = `${server}/wxa/`;
  api.customservicePrefix = `${server}/customservice/`;
  return api;
}
// #endregion

// #region gateway-co-wechat-api-key
/** Sends an API key with each request, because this SDK drops one that is in its address. */
export function sendKey(api: WechatAPI, key: string): void {
  api.setOpts({ beforeRequest: (request) => ({ ...request, auth: `any:${key}` }) });
}
// #endregion
