// #region refresh
import type { TokenManager } from 'wechat-token-manager';

/** After a 40001 of a call that was not made with `tokens.call`: replaces the token if it still is the current one. */
export function replaceStale(tokens: TokenManager, appid: string, rejected: string): Promise<string> {
  return tokens.refresh(appid, 'access_token', { stale: rejected });
}

/** After a leak: replaces the token in any case. 20 times a day at most, 30 s apart. */
export function replaceLeaked(tokens: TokenManager, appid: string): Promise<string> {
  return tokens.refresh(appid, 'access_token', { force: true });
}
// #endregion
