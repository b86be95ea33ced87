// #region authorization-page
import type { Express } from 'express';
import type { TokenManager } from 'wechat-token-manager';
import { authorizationUrl } from 'wechat-token-manager/platform';

/** @param site - the domain that is set in WeChat's console, such as `https://platform.example.com`. */
export function addAuthorizationPages(app: Express, tokens: TokenManager, component: string, site: string): void {
  app.get('/authorize', async (_request, response) => {
    const url = await authorizationUrl(tokens, component, { redirectUri: `${site}/authorized`, authType: 3 });
    response.set('Cache-Control', 'no-store'); // each visitor needs a link of its own
    response.send(`<a href="${url.replaceAll('&', '&amp;')}">Authorize</a>`);
  });
  app.get('/authorized', (_request, response) => {
    response.send('Thank you. Your account is being set up.'); // the receiver exchanges the code
  });
}
// #endregion authorization-page
