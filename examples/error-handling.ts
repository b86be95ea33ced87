// #region errors
import { TokenError, type TokenManager } from 'wechat-token-manager';

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly retryAfterSeconds?: number;
}

/** Returns the answer to one's own users, also when there is no token. */
export async function replyWithToken(
  tokens: TokenManager,
  appid: string,
  answer: (token: string) => string,
): Promise<Reply> {
  try {
    return { status: 200, text: answer(await tokens.get(appid, 'access_token', { timeoutMs: 3_000 })) };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error; // a TypeError: the call itself is wrong
    const waitMs = error.retryAt === undefined ? 0 : error.retryAt - Date.now();
    const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
    switch (error.code) {
      case 'UPSTREAM_UNAVAILABLE':
      case 'QUOTA_EXHAUSTED':
      case 'STORE_UNAVAILABLE':
      case 'TIMEOUT':
        return { status: 503, text: 'WeChat is out of reach, try again later', retryAfterSeconds };
      default: // an operator has to act: the message says how
        return { status: 500, text: 'WeChat is not set up properly' };
    }
  }
}
// #endregion
