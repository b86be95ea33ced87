// #region use-custom-refresher
import { TokenManager } from 'wechat-token-manager';
import { weComRefresher } from './custom-refresher.js';

const tokens = new TokenManager({ refreshers: [weComRefresher()] });

export function weComToken(appid: string): Promise<string> {
  return tokens.get(appid, 'wecom_access_token'); // the name has joined the types: a misspelt one does not compile
}
// #endregion
