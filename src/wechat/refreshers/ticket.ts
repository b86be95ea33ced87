import type { Refresher } from '../../core/model/refresher.js';
import { type TokenKey, tokenKey } from '../../core/model/token-key.js';
import { grantFromAnswer } from './grant-from-answer.js';

/**
 * Creates the refresher of a ticket from `GET /cgi-bin/ticket/getticket`.
 *
 * @param wireType - WeChat's name of the ticket: `jsapi`, `wx_card`.
 */
export function createTicketRefresher<const Type extends string>(type: Type, wireType: string): Refresher<Type> {
  return {
    type,
    dependsOn: (key) => [accessTokenKey(key)],
    async refresh(context) {
      const token = await context.token(accessTokenKey(context.key));
      const query = { access_token: token, type: wireType };
      const answer = await context.request({ method: 'GET', path: '/cgi-bin/ticket/getticket', query });
      return grantFromAnswer(answer, 'ticket');
    },
  };
}

/**
 * Returns the key of the access token with which the ticket is requested. With a subject it is the token that the
 * platform holds for the authorized account.
 */
function accessTokenKey({ appid, subject }: TokenKey): TokenKey {
  return tokenKey(appid, subject === undefined ? 'access_token' : 'authorizer_access_token', subject);
}
