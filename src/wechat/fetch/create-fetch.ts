import type { IsStale } from '../../core/calls/call.js';
import { assertWait, type CallOptions, type SubjectOptions } from '../../core/calls/call-options.js';
import { assertAppid, assertSubject } from '../../core/model/token-key.js';
import { assertFunction, assertMethods, readFields } from '../../core/primitives/assert-options.js';
import { describeName } from '../../core/primitives/redact.js';
import { hostsOf } from '../hosts-of.js';
import { Attempts } from './attempts.js';
import { readFetchRequest } from './fetch-request.js';

/**
 * The part of a `TokenManager` that {@link createFetch} needs. It has to be a manager all the same, because its origins count.
 *
 * @public
 */
export interface FetchTokens<Type extends string = string> {
  // A function as a property is compared strictly, so that a type that the manager does not have is an error.
  readonly call: <Result>(
    appid: string,
    type: Type,
    run: (token: string) => Result | Promise<Result>,
    options?: CallOptions,
  ) => Promise<Result>;
  hasType(name: string): boolean;
}

/**
 * The options of `createFetch`.
 *
 * @public
 */
export interface CreateFetchOptions<Type extends string = string> extends SubjectOptions {
  /**
   * The type of the token that the calls carry: `authorizer_access_token`, with the merchant as `subject`, for what a
   * third-party platform does for a merchant.
   *
   * @defaultValue `'access_token'`
   * @bounds a type of the manager that is no ticket
   */
  readonly type?: Type;
  /**
   * The longest time that a call waits for its token. The request itself ends by the `signal` of its `init` alone.
   *
   * @defaultValue `timeoutMs` of the manager
   * @bounds 0 to 2,147,483,647 ms
   */
  readonly timeoutMs?: number;
  /**
   * Replaces the rule by which an answer means that the token was stale, as in {@link CallOptions}.
   *
   * @defaultValue `errcode` 40001, 40014 or 42001
   * @bounds a function of `{ result }`, which is the `Response`, or `{ error }`
   */
  readonly isStale?: IsStale;
  /**
   * The function that sends the requests. It gets the URL with the token as text, and a plain `init`: a place for a dispatcher
   * of undici, or for a test. It is required where the manager has `wechat.proxy`, which `fetch` does not use.
   *
   * @defaultValue the global `fetch`
   * @bounds a function that returns a `Response`
   */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/**
 * A `fetch` that carries the token of an app.
 *
 * @public
 */
export type WeChatFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

const TICKETS: ReadonlySet<string> = new Set(['jsapi_ticket', 'wx_card_ticket', 'component_verify_ticket']);
const NAMES = ['type', 'subject', 'timeoutMs', 'isStale', 'fetch'] as const;

/**
 * Creates a `fetch` that carries the token of an app, and makes a call once more with a new token when WeChat's answer says
 * that the first was stale.
 *
 * A relative URL leads to the first of `wechat.origins`; an absolute one must lead to one of them, or to a host of WeChat's API
 * over https. The token goes into the query, in place of any that is there. Redirects are returned and never followed. A stream,
 * an iterable or the body of a `Request` is sent once only: then the stale answer is returned, and the token is replaced.
 *
 * The promise of a call rejects with a `TypeError` for misuse and, as that of `fetch`, where the request failed; with what `get`
 * throws; and with the reason of its `signal`, which ends both the wait for the token and the request. Neither an error nor the
 * `url` of the response contains the token.
 *
 * @throws TypeError for wrong arguments, and for a manager with `wechat.proxy` where `fetch` is absent.
 *
 * @example
 * ```ts
 * const wechat = createFetch(tokens, 'wx0123456789abcdef');
 * const response = await wechat('/cgi-bin/user/info?openid=o1');
 * const user = await response.json();
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/service/guide/dev/api/
 * @public
 */
export function createFetch<Type extends string>(
  tokens: FetchTokens<Type>,
  appid: string,
  options: CreateFetchOptions<Type> = {},
): WeChatFetch {
  assertMethods('tokens', tokens, ['call', 'hasType']);
  const { origins: hosts, proxy } = hostsOf(tokens, 'tokens');
  const origins = hosts.urls;
  assertAppid(appid);
  const given = readFields<CreateFetchOptions<Type>>(options, NAMES, 'the options of createFetch');
  const { type = 'access_token', subject, timeoutMs, isStale, fetch } = given;
  assertTokenType(tokens, type);
  assertSubject(subject);
  assertWait(timeoutMs, undefined);
  assertFunction('isStale', isStale);
  assertFunction('fetch', fetch);
  if (proxy !== undefined && fetch === undefined) {
    throw new TypeError(
      'fetch must be given, because the manager has wechat.proxy, which the global fetch does not use: give one that ' +
        'sends through the proxy, or the global one to send without it',
    );
  }
  const send = fetch ?? ((url: string, init: RequestInit): Promise<Response> => globalThis.fetch(url, init));
  const wishes = { subject, timeoutMs, isStale };
  return async (input, init) => {
    const request = readFetchRequest(input, init, origins);
    const wish = Object.entries({ ...wishes, signal: request.signal }).filter(([, value]) => value !== undefined);
    const attempts = new Attempts(request, type, send);
    try {
      return await tokens.call(appid, type as Type, (token) => attempts.run(token), Object.fromEntries(wish));
    } catch (error) {
      throw attempts.shown(error);
    }
  };
}

function assertTokenType(tokens: Pick<FetchTokens, 'hasType'>, type: unknown): asserts type is string {
  if (typeof type === 'string' && tokens.hasType(type) && !TICKETS.has(type)) return;
  throw new TypeError(`type must be a type of the manager that is no ticket, got ${describeName(type)}`);
}
