// #region replace-refresher
import { defineRefresher, type Refresher, TokenError } from 'wechat-token-manager';

/** Gets access tokens from the company's own token server. Tickets are then made with these. */
export function companyTokens(serverUrl: string, apiKey: string): Refresher<'access_token'> {
  return defineRefresher({
    type: 'access_token',
    async refresh({ key, stale, signal }) {
      const query = new URLSearchParams({ appid: key.appid, ...(stale === undefined ? {} : { stale }) });
      const response = await fetch(`${serverUrl}?${query}`, { headers: { authorization: `Bearer ${apiKey}` }, signal });
      if (!response.ok) {
        const isBusy = response.status >= 500;
        const code = isBusy ? 'UPSTREAM_UNAVAILABLE' : 'UPSTREAM_REJECTED';
        throw new TokenError(code, `the token server answered ${response.status}`, { retryable: isBusy });
      }
      const { token, secondsLeft } = (await response.json()) as { token: string; secondsLeft: number };
      return { value: token, expiresInSeconds: secondsLeft };
    },
  });
}
// #endregion
