import { createHash, randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../core/concurrency/clock.js';
import { assertInteger, assertMethods, readFields } from '../core/primitives/assert-options.js';
import { describeKind } from '../core/primitives/redact.js';

/**
 * The part of a `TokenManager` that {@link signJsSdk} needs.
 *
 * @public
 */
export interface JsapiTickets {
  get(appid: string, type: 'jsapi_ticket', options?: { readonly subject?: string }): Promise<string>;
}

/**
 * The options of `signJsSdk`.
 *
 * @public
 */
export interface SignJsSdkOptions {
  /**
   * The `authorizer_appid` when a third-party platform signs for an account.
   *
   * @defaultValue the app itself
   */
  readonly subject?: string;
  /**
   * The clock that gives the timestamp.
   *
   * @defaultValue {@link systemClock}
   */
  readonly clock?: Pick<Clock, 'now'>;
}

/**
 * The configuration that a page hands to `wx.config`, beside `jsApiList`.
 *
 * @public
 */
export interface JsSdkConfig {
  /** The appid that the page is signed for: the subject, where there is one. */
  readonly appId: string;
  /** The time of the signature, in seconds since the epoch. */
  readonly timestamp: number;
  /** A random string. */
  readonly nonceStr: string;
  /** The signature: 40 hexadecimal digits. */
  readonly signature: string;
}

/**
 * Signs a page for WeChat's JS-SDK. The ticket itself never leaves the server.
 *
 * @param url - the page's address as the browser shows it, query included: an absolute http or https URL. What follows
 *   `#` is left out; nothing else is changed, because WeChat compares it to the letter.
 * @throws TypeError unless `tokens` is a manager and `url` an absolute http or https URL; and whatever `get` throws.
 *
 * @example
 * ```ts
 * const config = await signJsSdk(tokens, 'wx0123456789abcdef', 'https://example.com/page?id=1');
 * // in the page: wx.config({ ...config, jsApiList: ['scanQRCode'] })
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/service/guide/h5/jssdk.html
 * @public
 */
export async function signJsSdk(
  tokens: JsapiTickets,
  appid: string,
  url: string,
  options: SignJsSdkOptions = {},
): Promise<JsSdkConfig> {
  assertMethods('tokens', tokens, ['get']);
  assertPageUrl(url);
  const names = ['subject', 'clock'] as const;
  const given = readFields<SignJsSdkOptions>(options, names, 'the options of signJsSdk');
  const { subject, clock = systemClock } = given;
  assertMethods('clock', clock, ['now']);
  const ticket = await tokens.get(appid, 'jsapi_ticket', subject === undefined ? {} : { subject });
  const nonceStr = randomBytes(16).toString('hex');
  const timestamp = Math.floor(clock.now() / 1000);
  // The page of an authorized account is signed for its own appid, whichever platform holds the ticket.
  const appId = subject ?? appid;
  return { appId, timestamp, nonceStr, signature: jsSdkSignature({ ticket, nonceStr, timestamp, url }) };
}

/**
 * The values that go into a signature, for `jsSdkSignature`.
 *
 * @public
 */
export interface JsSdkSignatureInput {
  /** The `jsapi_ticket`. */
  readonly ticket: string;
  /** A random string. */
  readonly nonceStr: string;
  /**
   * The time of the signature, in seconds since the epoch.
   *
   * @bounds a whole number
   */
  readonly timestamp: number;
  /**
   * The address of the page. What follows `#` is left out.
   *
   * @bounds an absolute http or https URL
   */
  readonly url: string;
}

/**
 * Returns the signature of `wx.config` by itself: 40 hexadecimal digits.
 *
 * @throws TypeError for a field that is missing or unknown, for a `timestamp` that is no whole number, and unless `url` is an
 *   absolute http or https URL.
 *
 * @example
 * ```ts
 * const signature = jsSdkSignature({ ticket, nonceStr: 'Wm3WZYTPz0wzccnW', timestamp: 1414587457, url });
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/service/guide/h5/jssdk.html
 * @public
 */
export function jsSdkSignature(input: JsSdkSignatureInput): string {
  const names = ['ticket', 'nonceStr', 'timestamp', 'url'] as const;
  const { ticket, nonceStr, timestamp, url } = readFields<JsSdkSignatureInput>(input, names, 'what is signed');
  assertText('ticket', ticket);
  assertText('nonceStr', nonceStr);
  assertInteger('timestamp', timestamp, 0, Number.MAX_SAFE_INTEGER);
  assertPageUrl(url);
  const page = url.replace(/#.*$/s, '');
  const signed = `jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${page}`;
  return createHash('sha1').update(signed).digest('hex');
}

/** @throws TypeError unless the value is a string that is not empty. */
export function assertText(name: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '') return;
  throw new TypeError(`${name} must be a string that is not empty, got ${describeKind(value)}`);
}

function assertPageUrl(url: unknown): asserts url is string {
  if (typeof url === 'string' && /^https?:\/\//i.test(url) && URL.canParse(url)) return;
  throw new TypeError(
    `url must be an absolute http or https URL, got ${typeof url === 'string' && url !== '' ? 'another string' : describeKind(url)}`,
  );
}
