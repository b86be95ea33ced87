// #region server
import { createServer } from 'node:http';
import { FileStore, TokenManager } from 'wechat-token-manager';

const { STORE_DIRECTORY = '/var/lib/shop/wechat-tokens', PORT = '3000' } = process.env;
const { WECHAT_APPID = '', WECHAT_SECRET = '' } = process.env;

// Every worker runs this. All of them name the same directory, and so share one token.
const tokens = new TokenManager({ store: new FileStore(STORE_DIRECTORY) });
await tokens.register({ appid: WECHAT_APPID, secret: WECHAT_SECRET, tasks: ['access_token'] });

const server = createServer((_request, response) => {
  tokens.get(WECHAT_APPID, 'access_token').then(
    (token) => response.end(`a token of ${token.length} characters\n`),
    () => response.writeHead(503).end(),
  );
});
server.listen(PORT);

// The signal that pm2 reload sends.
process.once('SIGINT', () => {
  server.close(() => void tokens.close());
  setTimeout(() => server.closeAllConnections(), 5_000).unref(); // the limit for requests in progress
});
// #endregion
