// #region fetch-through-proxy
import { ProxyAgent } from 'undici';
import { createFetch, type TokenManager, type WeChatFetch } from 'wechat-token-manager';

export function fetchThroughProxy(tokens: TokenManager, appid: string, proxy: string): WeChatFetch {
  const dispatcher = new ProxyAgent(proxy); // one for all calls: it keeps the connections
  return createFetch(tokens, appid, { fetch: (url, init) => fetch(url, Object.assign(init, { dispatcher })) });
}
// #endregion
