// #region token-server
import { createServer, type Server } from 'node:http';
import { FileStore, TokenManager } from 'wechat-token-manager';
import { createHandler } from 'wechat-token-manager/http';

/** @param trust - networks whose machines may read and register without a key, such as `['10.0.0.0/8']`. */
export function createTokenServer(directory: string, trust: readonly string[]): Server {
  const tokens = new TokenManager({ store: new FileStore(directory) });
  const handler = createHandler(tokens, { contracts: ['scheduler', 'native'], trust });
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, handler.node);
  return server.once('close', () => void tokens.close());
}
// #endregion
