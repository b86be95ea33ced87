import type { Refresher } from '../../core/model/refresher.js';
import { createTicketRefresher } from './ticket.js';

/**
 * `jsapi_ticket`: the ticket with which a page is signed for `wx.config`.
 *
 * @see https://developers.weixin.qq.com/doc/service/api/webdev/jssdk/api_getticket.html
 */
export const jsapiTicketRefresher: Refresher<'jsapi_ticket'> = createTicketRefresher('jsapi_ticket', 'jsapi');
