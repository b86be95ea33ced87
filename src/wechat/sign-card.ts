import { createHash, randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../core/concurrency/clock.js';
import { assertMethods, readFields } from '../core/primitives/assert-options.js';
import { assertText } from './js-sdk.js';

/**
 * The part of a `TokenManager` that {@link signCard} needs.
 *
 * @public
 */
export interface WxCardTickets {
  get(appid: string, type: 'wx_card_ticket', options?: { readonly subject?: string }): Promise<string>;
}

/**
 * The options of `signCard`. Those that are absent are not signed.
 *
 * @public
 */
export interface SignCardOptions {
  /**
   * The card. Without it, `wx.chooseCard` shows all cards of the user, and there is nothing for `wx.addCard`.
   *
   * @bounds a string that is not empty
   */
  readonly cardId?: string | undefined;
  /**
   * The code that the user is to get: required for cards with codes of your own.
   *
   * @bounds a string that is not empty
   */
  readonly code?: string | undefined;
  /**
   * The only user who may add the card: required for cards with `bind_openid`.
   *
   * @bounds a string that is not empty
   */
  readonly openid?: string | undefined;
  /**
   * The kind of cards that `wx.chooseCard` shows, such as `GROUPON`; `INVOICE` for electronic invoices.
   *
   * @bounds a string that is not empty
   */
  readonly cardType?: string | undefined;
  /**
   * The shop whose cards `wx.chooseCard` shows.
   *
   * @bounds a string that is not empty
   */
  readonly shopId?: string | undefined;
  /**
   * The `authorizer_appid` when a third-party platform signs the card of an account.
   *
   * @defaultValue the app itself
   */
  readonly subject?: string | undefined;
  /**
   * The clock that gives the timestamp of the signatures.
   *
   * @defaultValue {@link systemClock}
   */
  readonly clock?: Pick<Clock, 'now'>;
}

/**
 * The values that a page hands to `wx.addCard` and `wx.chooseCard`.
 *
 * @public
 */
export interface CardConfig {
  /** The card, where one was given. */
  readonly cardId?: string;
  /** The kind of cards, where one was given. */
  readonly cardType?: string;
  /** The shop, where one was given. */
  readonly shopId?: string;
  /** The time of the signatures, in seconds since the epoch. */
  readonly timestamp: number;
  /** A random string. WeChat accepts it once. */
  readonly nonceStr: string;
  /** The JSON text that belongs to `cardId` in the `cardList` of `wx.addCard`, with a signature of its own. */
  readonly cardExt: string;
  /** The algorithm of `cardSign`. */
  readonly signType: 'SHA1';
  /** The signature for `wx.chooseCard`: 40 hexadecimal digits. */
  readonly cardSign: string;
}

/**
 * Signs a card or coupon for WeChat's JS-SDK and for mini programs. The ticket itself never leaves the server.
 *
 * Sign for each user and each call of `wx.addCard` anew: WeChat accepts a timestamp and a random string once. `outer_str` and
 * `fixed_begintimestamp` are not signed, and may be added to the JSON of `cardExt`.
 *
 * @throws TypeError unless `tokens` is a manager and every value a string that is not empty; and whatever `get` throws.
 *
 * @example
 * ```ts
 * const card = await signCard(tokens, 'wx0123456789abcdef', { cardId: 'pjZ8Yt1XGILfi-FUsewpnnolGgZk' });
 * // in the page: wx.addCard({ cardList: [{ cardId: card.cardId, cardExt: card.cardExt }] })
 * //          or: wx.chooseCard({ ...card, success: ({ cardList }) => {} })
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/service/guide/h5/jssdk.html
 * @public
 */
export async function signCard(
  tokens: WxCardTickets,
  appid: string,
  options: SignCardOptions = {},
): Promise<CardConfig> {
  assertMethods('tokens', tokens, ['get']);
  const names = ['cardId', 'code', 'openid', 'cardType', 'shopId', 'subject', 'clock'] as const;
  const given = readFields<SignCardOptions>(options, names, 'the options of signCard');
  const { subject, clock = systemClock, ...values } = given;
  for (const [name, value] of Object.entries(values)) if (value !== undefined) assertText(name, value);
  assertMethods('clock', clock, ['now']);
  const ticket = await tokens.get(appid, 'wx_card_ticket', subject === undefined ? {} : { subject });
  const { cardId, code, openid, cardType, shopId } = values;
  const nonceStr = randomBytes(16).toString('hex');
  const timestamp = Math.floor(clock.now() / 1000);
  const common = [ticket, String(timestamp), nonceStr, cardId];
  const cardExt = JSON.stringify({
    ...defined({ code, openid }),
    timestamp: String(timestamp),
    nonce_str: nonceStr,
    signature: cardSignature([...common, code, openid]),
  });
  // The page of an authorized account is signed for its own appid, whichever platform holds the ticket.
  const cardSign = cardSignature([...common, subject ?? appid, shopId, cardType]);
  return { ...defined({ cardId, cardType, shopId }), timestamp, nonceStr, cardExt, signType: 'SHA1', cardSign };
}

/** Returns the signature of these values in any order: 40 hexadecimal digits. An absent value does not count. */
export function cardSignature(values: readonly (string | undefined)[]): string {
  const present = values.filter((value) => value !== undefined);
  return createHash('sha1').update(present.toSorted().join('')).digest('hex');
}

function defined<Name extends string>(fields: Record<Name, string | undefined>): { [Each in Name]?: string } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [Each in Name]?: string };
}
