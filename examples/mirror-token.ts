// #region mirror-token
import type { TokenManager } from 'wechat-token-manager';

/** The part of a Redis client of the package `redis` that is needed. */
export interface KeyWriter {
  set(key: string, value: string, options: { PXAT: number }): Promise<unknown>;
}

/** Keeps the key that older programs read up to date, for as long as there are any. They must not write it any more. */
export function mirrorToken(tokens: TokenManager, appid: string, redis: KeyWriter, key: string): void {
  // A rejection becomes the event `listenerFailed`.
  tokens.on('refreshed', async (event) => {
    if (event.appid !== appid || event.type !== 'access_token') return;
    await redis.set(key, event.record.value, { PXAT: event.record.expiresAt });
  });
}
// #endregion
