import type { Clock } from '../../core/concurrency/clock.js';
import type { BuiltInRefresher } from '../../core/model/refresher.js';
import { createAccessTokenRefresher } from './access-token.js';
import { authorizerAccessTokenRefresher } from './authorizer-access-token.js';
import { componentAccessTokenRefresher } from './component-access-token.js';
import { componentVerifyTicketRefresher } from './component-verify-ticket.js';
import { jsapiTicketRefresher } from './jsapi-ticket.js';
import { oauth2AccessTokenRefresher } from './oauth2-access-token.js';
import { wxCardTicketRefresher } from './wx-card-ticket.js';

/** Creates the refreshers of all built-in token types. */
export function createBuiltInRefreshers(clock: Pick<Clock, 'random'>): readonly BuiltInRefresher[] {
  const refreshers: readonly BuiltInRefresher[] = [
    createAccessTokenRefresher(clock),
    jsapiTicketRefresher,
    oauth2AccessTokenRefresher,
    componentAccessTokenRefresher,
    authorizerAccessTokenRefresher,
    wxCardTicketRefresher,
    componentVerifyTicketRefresher,
  ];
  return refreshers.map((refresher) => ({ ...refresher, asksThroughContext: true }));
}
