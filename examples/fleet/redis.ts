// #region redis
import { createClient } from 'redis';
import { TokenManager, type TokenManagerOptions } from 'wechat-token-manager';
import { RedisStore } from 'wechat-token-manager/redis';

/** Processes that name the same server and prefix form one fleet. `close` of the manager closes the connections. */
export function joinOnRedis(url: string, prefix: string, options: TokenManagerOptions = {}): TokenManager {
  // Without a strategy to reconnect, two seconds of silence close the client for good.
  // #region client
  const socket = { connectTimeout: 3_000, socketTimeout: 1_900, reconnectStrategy: () => 500 };
  const client = createClient({ url, pingInterval: 600, socket });
  client.on('error', (error: Error) => console.error(`Redis: ${error.message}`)); // it connects again by itself
  return new TokenManager({ ...options, store: new RedisStore(client, { prefix }) });
  // #endregion client
}
// #endregion redis
