// #region redis
import { createClient } from 'redis';
import { TokenManager, type TokenManagerOptions } from 'wechat-token-manager';
import { RedisStore } from 'wechat-token-manager/redis';

/** Whoever names the same server and prefix is a member of the fleet. `close` of the manager closes the connections. */
export function joinOnRedis(url: string, prefix: string, options: TokenManagerOptions = {}): TokenManager {
  const client = createClient({ url, socket: { connectTimeout: 3_000 } });
  client.on('error', (error: Error) => console.error(`Redis: ${error.message}`)); // it connects again by itself
  return new TokenManager({ ...options, store: new RedisStore(client, { prefix }) });
}
// #endregion
