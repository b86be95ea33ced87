import { TokenError } from '../../core/model/errors.js';
import type { BuiltInRefresher } from '../../core/model/refresher.js';

/**
 * `component_verify_ticket`: the ticket that WeChat pushes to the platform's server every ten minutes, valid for twelve
 * hours.
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/component_verify_ticket.html
 */
export const componentVerifyTicketRefresher: BuiltInRefresher<'component_verify_ticket'> = {
  type: 'component_verify_ticket',
  pushed: true,
  async refresh({ key }) {
    throw new TokenError('INPUT_MISSING', 'no component_verify_ticket can be requested: WeChat pushes it', key);
  },
};
