import { TokenError, TokenManager } from 'wechat-token-manager';

/**
 * Asks WeChat itself for one token and says how long it lives; the token is not shown. In stable mode that leaves
 * whatever else uses the app undisturbed.
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
