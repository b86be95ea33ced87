import { describeName } from '../../core/primitives/redact.js';
import { carriesToken, tokenParameterOf } from '../token-parameter.js';

/**
 * The origins of WeChat's API that its documents name: the nearest host, the one for disasters, those of Shanghai, Shenzhen
 * and Hong Kong, and that of WeCom.
 *
 * @see https://developers.weixin.qq.com/doc/service/Basic_Information/Interface_field_description.html
 */
const DOCUMENTED_ORIGINS: ReadonlySet<string> = new Set([
  'https://api.weixin.qq.com',
  'https://api2.weixin.qq.com',
  'https://sh.api.weixin.qq.com',
  'https://sz.api.weixin.qq.com',
  'https://hk.api.weixin.qq.com',
  'https://qyapi.weixin.qq.com',
]);

/** The address of a call, without a token. */
export interface ApiUrl {
  /** The URL without fragment and without parameters that carry a token. */
  readonly shown: string;
  /** The path, in the spelling that is sent. */
  readonly path: string;
}

/**
 * Reads the URL of a call. It is parsed once, and what was parsed is sent, so that no other reading of an odd spelling can
 * take the token to another host.
 *
 * @param origins - the origins of the manager; a relative URL belongs to the first.
 * @throws TypeError unless the URL leads to one of the origins or to a documented host of WeChat. No part of its path and
 *   query is shown, because it may contain a token.
 */
export function readApiUrl(text: string, origins: readonly string[]): ApiUrl {
  const base = origins[0] as string;
  if (!URL.canParse(text, base)) throw new TypeError('the URL of the call cannot be parsed');
  const { protocol, host, username, password, pathname, search } = new URL(text, base);
  // `URL.origin` is not used: that of `blob:https://api.weixin.qq.com/` is WeChat's.
  const origin = `${protocol}//${host}`;
  if (!origins.includes(origin) && !DOCUMENTED_ORIGINS.has(origin)) {
    throw new TypeError(
      `the URL of the call must lead to wechat.origins of the manager or to a host of WeChat's API over https, ` +
        `got ${describeName(origin)}`,
    );
  }
  if (username !== '' || password !== '') throw new TypeError('the URL of the call must contain no credentials');
  return { shown: `${origin}${pathname}${withoutTokens(search)}`, path: pathname };
}

/** Returns the URL with the token in its query. */
export function withToken({ shown, path }: ApiUrl, type: string, token: string): string {
  const parameter = `${tokenParameterOf(path, type)}=${encodeURIComponent(token)}`;
  return `${shown}${shown.includes('?') ? '&' : '?'}${parameter}`;
}

/** Removes the parameters that carry a token, and leaves the others as they are spelled. */
function withoutTokens(search: string): string {
  const kept = search
    .slice(1)
    .split('&')
    .filter((part) => part !== '' && !carriesToken(part));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}
