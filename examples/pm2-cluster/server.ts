// #region server
import { createServer, type Server } from 'node:http';
import { FileStore, TokenManager } from 'wechat-token-manager';

/** Every worker runs this. All of them name the same directory, and so share one token. */
export async function startWorker(directory: string, appid: string, secret: string, port: number): Promise<Server> {
  const tokens = new TokenManager({ store: new FileStore(directory) });
  await tokens.register({ appid, secret, tasks: ['access_token'] });

  const server = createServer((_request, response) => {
    tokens.get(appid, 'access_token').then(
      (token) => response.end(`a token of ${token.length} characters\n`),
      () => response.writeHead(503).end(),
    );
  });
  process.once('SIGINT', () => server.close(() => void tokens.close())); // what pm2 reload sends
  return server.listen(port);
}
// #endregion
