// #region proxy-and-origins
import { FileStore, TokenManager } from 'wechat-token-manager';

export function createManager(directory: string): TokenManager {
  return new TokenManager({
    store: new FileStore(directory),
    wechat: {
      origins: ['https://api.weixin.qq.com', 'https://api2.weixin.qq.com'], // the second after a network failure
      proxy: 'http://10.0.0.9:3128', // its address goes on the IP whitelist
    },
  });
}
// #endregion
