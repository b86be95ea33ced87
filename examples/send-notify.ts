// #region send-notify
import type { TokenManager } from 'wechat-token-manager';
import { createCallbacks } from 'wechat-token-manager/http';

/** @param notifySecret - `whsec_` and the base64 of 24 to 64 random bytes. It signs what receivers are sent. */
export async function notifyOfTokens(
  tokens: TokenManager,
  appid: string,
  notify: string,
  notifySecret: string,
): Promise<void> {
  createCallbacks(tokens, { notifySecret }); // once for a manager; a handler of createHandler does it as well
  await tokens.register({ appid, tasks: [{ type: 'access_token', notify }] });
}
// #endregion
