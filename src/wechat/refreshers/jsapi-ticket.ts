import type { Refresher } from '../../core/model/refresher.js';
import { createTicketRefresher } from './ticket.js';

/**
 * `jsapi_ticket`: what a page's `wx.config` signature is made with.
 *
 * @see https://developers.weixin.qq.com/doc/service/api/webdev/jssdk/api_getticket.html
 */
export const jsapiTicketRefresher: Refresher<'jsapi_ticket'> = createTicketRefresher('jsapi_ticket', 'jsapi');
