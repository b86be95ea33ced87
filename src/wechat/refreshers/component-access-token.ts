import type { Refresher } from '../../core/model/refresher.js';
import { tokenKey } from '../../core/model/token-key.js';
import { grantFromAnswer } from './grant-from-answer.js';
import { secretOf } from './secret-of.js';

/**
 * `component_access_token`: the token of a third-party platform. Its request needs the ticket that WeChat pushes every
 * ten minutes. A refused ticket is not sent again.
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/component_access_token.html
 */
export const componentAccessTokenRefresher: Refresher<'component_access_token'> = {
  type: 'component_access_token',
  dependsOn: ({ appid }) => [verifyTicketKey(appid)],
  async refresh({ app, token, spend, request }) {
    const { value: ticket } = await spend(await token(verifyTicketKey(app.appid)));
    const body = {
      component_appid: app.appid,
      component_appsecret: secretOf(app),
      component_verify_ticket: ticket,
    };
    const answer = await request({ method: 'POST', path: '/cgi-bin/component/api_component_token', body });
    return grantFromAnswer(answer, 'component_access_token');
  },
};

function verifyTicketKey(appid: string): ReturnType<typeof tokenKey> {
  return tokenKey(appid, 'component_verify_ticket', undefined);
}
