import type { Refresher } from '../../core/model/refresher.js';
import { createTicketRefresher } from './ticket.js';

/**
 * `wx_card_ticket`: the ticket with which a coupon or membership card is signed.
 *
 * @see https://developers.weixin.qq.com/doc/service/api/webdev/jssdk/api_getticket.html
 */
export const wxCardTicketRefresher: Refresher<'wx_card_ticket'> = createTicketRefresher('wx_card_ticket', 'wx_card');
