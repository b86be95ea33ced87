import type { IncomingHttpHeaders } from 'node:http';
import { GatewayFailure } from './gateway-failure.js';

/**
 * The headers of a request that reach WeChat. No other header does: it could hold a credential of the caller. The last four
 * sign the encrypted body of a mini program whose API security is switched on.
 */
const TO_WECHAT = [
  'content-type',
  'accept',
  'accept-language',
  'range',
  'if-range',
  'wechatmp-appid',
  'wechatmp-timestamp',
  'wechatmp-serial',
  'wechatmp-signature',
] as const;

/** The headers of an answer that reach the caller. A `Location` could repeat the token, and a cookie is not the caller's. */
const FROM_WECHAT = [
  ['Content-Type', 'content-type'],
  ['Content-Disposition', 'content-disposition'],
  ['Content-Range', 'content-range'],
  ['Accept-Ranges', 'accept-ranges'],
  ['Content-Encoding', 'content-encoding'],
  ['Date', 'date'],
  // These sign an encrypted answer, twice while WeChat changes its certificate. Some SDKs are case-sensitive about the names.
  ['Wechatmp-Appid', 'wechatmp-appid'],
  ['Wechatmp-TimeStamp', 'wechatmp-timestamp'],
  ['Wechatmp-Serial', 'wechatmp-serial'],
  ['Wechatmp-Signature', 'wechatmp-signature'],
  ['Wechatmp-Serial-Deprecated', 'wechatmp-serial-deprecated'],
  ['Wechatmp-Signature-Deprecated', 'wechatmp-signature-deprecated'],
] as const;

/**
 * The headers of every answer of the server. A browser does not make the content available to pages of other origins, and does
 * not run it as a script.
 */
export const GUARDING_HEADERS = {
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
} as const;

/**
 * The headers that guard an answer of WeChat. Media is content of WeChat's users, and the status page
 * has the same origin, so that no browser may take an answer for a page or a script of it.
 */
const GATEWAY_GUARDS = {
  ...GUARDING_HEADERS,
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "sandbox; default-src 'none'",
  'Referrer-Policy': 'no-referrer',
} as const;

/**
 * The values that HTTP allows. Objects of the Fetch standard may hold others, at which undici would throw. It would then never use
 * that connection again, so that a few hundred of them would end all calls.
 */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const OWN_HEADERS = { 'user-agent': 'wechat-token-manager', 'accept-encoding': 'identity' } as const;

/**
 * Returns the headers for WeChat. No object here is spread and then extended: V8 gives each of these a hidden class of its own,
 * which takes microseconds to create and is left for the garbage collector.
 *
 * @throws GatewayFailure for a value that HTTP does not allow.
 */
export function headersToWeChat(
  header: (name: string) => string | undefined,
  bodyLength: number | undefined,
): Record<string, string> {
  const headers: Record<string, string> = Object.assign({}, OWN_HEADERS);
  for (const name of TO_WECHAT) {
    const value = header(name);
    if (value === undefined) continue;
    if (!VALUE.test(value))
      throw new GatewayFailure('header', `the header ${name} has characters that HTTP does not allow`);
    headers[name] = value;
  }
  if (bodyLength !== undefined) headers['content-length'] = String(bodyLength);
  return headers;
}

/**
 * Returns the headers of WeChat's answer for the caller. A whole answer gets its length when it is sent.
 *
 * @param isWhole - whether the answer is held.
 */
export function headersFromWeChat(headers: IncomingHttpHeaders, isWhole: boolean): Record<string, string> {
  const forwarded: Record<string, string> = Object.assign({}, GATEWAY_GUARDS);
  for (const [name, received] of FROM_WECHAT) {
    const value = headers[received];
    if (typeof value === 'string') forwarded[name] = value;
  }
  const length = headers['content-length'];
  if (!isWhole && length !== undefined) forwarded['Content-Length'] = length;
  return forwarded;
}
