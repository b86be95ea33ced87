// #region authorization-return
import type { Express, Request } from 'express';
import type { TokenManager } from 'wechat-token-manager';
import { exchangeAuthorizationCode } from 'wechat-token-manager/platform';

export interface Sessions {
  /** Returns whether the `state` of the request is the one that this browser was given with its link. */
  hasState(request: Request): boolean;
  /** Keeps that the account belongs to the user of this browser. */
  connect(request: Request, appid: string): Promise<void>;
}

export function addReturnPage(app: Express, tokens: TokenManager, component: string, sessions: Sessions): void {
  app.get('/authorized', async (request, response) => {
    if (!sessions.hasState(request)) return void response.status(400).send('Please begin again.');
    const { appid } = await exchangeAuthorizationCode(tokens, component, String(request.query['auth_code']));
    await sessions.connect(request, appid);
    response.redirect(303, '/accounts'); // an address without the code
  });
}
// #endregion authorization-return
