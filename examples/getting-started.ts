// #region register
import { FileStore, TokenManager } from 'wechat-token-manager';

/** Runs once in each process. A registration that equals the stored one writes nothing. */
export async function startTokens(directory: string, appid: string, secret: string): Promise<TokenManager> {
  const tokens = new TokenManager({ store: new FileStore(directory) });
  await tokens.register({
    appid,
    secret,
    tasks: ['access_token', 'jsapi_ticket'], // refreshed in the background; a mini program has no jsapi_ticket
  });
  return tokens;
}
// #endregion

// #region get
export async function tokenAndEnd(tokens: TokenManager, appid: string): Promise<{ token: string; endsAt: Date }> {
  const token = await tokens.get(appid, 'access_token');
  const { expiresAt } = await tokens.getRecord(appid, 'access_token'); // the same token, with its times
  return { token, endsAt: new Date(expiresAt) };
}
// #endregion
