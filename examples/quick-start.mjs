// @ts-check
// #region quick-start
import { FileStore, TokenManager } from 'wechat-token-manager';

const { WECHAT_APPID = '', WECHAT_SECRET = '' } = process.env;

const tokens = new TokenManager({ store: new FileStore('./wechat-tokens') });

// A task is refreshed in the background from now on.
await tokens.register({ appid: WECHAT_APPID, secret: WECHAT_SECRET, tasks: ['access_token'] });

const token = await tokens.get(WECHAT_APPID, 'access_token');
console.log(`a token of ${token.length} characters`);

await tokens.close(); // a service does this when it ends
// #endregion
