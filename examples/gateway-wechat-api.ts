// #region gateway-wechat-api
import WechatAPI from 'wechat-api';

/** @param server - the address of the token server, such as `http://10.0.0.5:9001`. */
export function createWechatApi(server: string, appid: string, secret: string): WechatAPI {
  const api = new WechatAPI(appid, secret);
  api.endpoint = server;
  return api;
}
// #endregion
