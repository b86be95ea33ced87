import { TokenError, TokenManager } from 'wechat-token-manager';

/**
 * Requests one token from WeChat itself and prints its lifetime, but not the token. In stable mode this does not affect
 * other users of the app.
 *
 * @returns the exit code.
 */
export async function askWeChat(appid: string, secret: string): Promise<number> {
  try {
    await using tokens = new TokenManager();
    await tokens.register({ appid, secret, accessToken: 'stable' });
    const { expiresAt } = await tokens.getRecord(appid, 'access_token');
    const leftSeconds = Math.round((expiresAt - Date.now()) / 1_000);
    console.log(
      `WeChat gave ${appid} an access_token. It ends in ${leftSeconds} s, at ${new Date(expiresAt).toISOString()}.`,
    );
    return 0;
  } catch (error) {
    const what = error instanceof TokenError ? `${error.code}: ${error.message}` : (error as Error).message;
    console.error(`WeChat gave no token. ${what}`);
    return 1;
  }
}
