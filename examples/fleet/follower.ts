// #region follower
import { TokenError, TokenManager, type TokenStore } from 'wechat-token-manager';

/** For a host that is not on the IP whitelist: it answers from the store, and never asks WeChat. */
export function follow(store: TokenStore): TokenManager {
  return new TokenManager({ store, refresh: 'never' });
}

/** Returns `undefined` until another process has stored a token. Report a stale one with `call` or `refresh` as usual. */
export async function tokenOfOthers(tokens: TokenManager, appid: string): Promise<string | undefined> {
  try {
    return await tokens.get(appid, 'access_token');
  } catch (error) {
    if (error instanceof TokenError && error.code === 'REFRESH_DISABLED') return undefined;
    throw error;
  }
}
// #endregion
