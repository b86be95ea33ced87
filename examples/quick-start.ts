// #region quick-start
import { FileStore, TokenManager } from 'wechat-token-manager';

const { WECHAT_APPID = '', WECHAT_SECRET = '' } = process.env;

const tokens = new TokenManager({ store: new FileStore('./wechat-tokens') });

await tokens.register({
  appid: WECHAT_APPID,
  secret: WECHAT_SECRET,
  tasks: ['access_token', 'jsapi_ticket'],
});

const token = await tokens.get(WECHAT_APPID, 'access_token');

// #endregion

export { token, tokens };
