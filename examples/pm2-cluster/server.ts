// #region server
import { createServer } from 'node:http';
import { FileStore, TokenManager } from 'wechat-token-manager';

/** Every worker runs this. All of them name the same directory, and so share one token. */
async function startWorker(directory: string, appid: string, secret: string, port: string): Promise<void> {
  const tokens = new TokenManager({ store: new FileStore(directory) });
  await tokens.register({ appid, secret, tasks: ['access_token'] });

  const server = createServer((_request, response) => {
    tokens.get(appid, 'access_token').then(
      (token) => response.end(`a token of ${token.length} characters\n`),
      () => response.writeHead(503).end(),
    );
  });
  server.listen(port);

  // The signal that pm2 reload sends. The channel to pm2 would keep the process alive.
  process.once('SIGINT', () => {
    server.close(() => void tokens.close().finally(() => process.exit()));
    setTimeout(() => server.closeAllConnections(), 5_000).unref(); // the limit for requests in progress
  });
}

const { STORE_DIRECTORY = '/var/lib/shop/wechat-tokens', PORT = '3000' } = process.env;
const { WECHAT_APPID = '', WECHAT_SECRET = '' } = process.env;

startWorker(STORE_DIRECTORY, WECHAT_APPID, WECHAT_SECRET, PORT).catch((error: unknown) => {
  console.error(error);
  process.exit(1); // pm2 would log the failure, and not start the worker again
});
// #endregion
