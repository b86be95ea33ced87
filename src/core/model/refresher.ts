import type { JsonObject, JsonValue } from '../primitives/json.js';
import type { SlotUser } from './shared-slots.js';
import type { TokenKey } from './token-key.js';
import type { TokenRecord } from './token-record.js';

/**
 * The definition of one token type: how to ask WeChat for a token of it.
 *
 * @public
 */
export interface Refresher<Type extends string = string> {
  /** The type's name: 1 to 64 characters of `A-Z a-z 0-9 _ . @ -`. */
  readonly type: Type;
  /**
   * Names the tokens that a refresh of `key` needs: an array of at most 64 keys, which are fetched before the lease is
   * taken. What they depend on in turn may lead through 16 keys and to 256 in all, and never back; anything else is a
   * `TypeError` of `register` and `get`.
   */
  dependsOn?(key: TokenKey): readonly TokenKey[];
  /**
   * Asks for a token, once: waiting and trying again is the manager's work.
   *
   * Fails by throwing a `TokenError`; its `retryAt`, when given, is when to try again, unless it passes on an `errcode` of
   * WeChat: those have rules of their own while the key still has a token. Anything else that is thrown counts as
   * `UPSTREAM_UNAVAILABLE`.
   *
   * It may call its own manager for other keys; a token that it needs each time is better named by `dependsOn`, because
   * that is fetched before the lease is taken.
   */
  refresh(context: RefreshContext): Promise<Grant>;
}

/** A refresher of this library, with further facts about its type that the core needs. */
export interface BuiltInRefresher<Type extends string = string> extends Refresher<Type> {
  /** Whether WeChat pushes the token, so that it cannot be requested: it is stored with `put`, and cannot be a task. */
  readonly pushed?: true;
  /**
   * The name of the param in which a task offers the refresh token for `spend`, so that a key without one fails before
   * a lease is acquired.
   */
  readonly spends?: string;
  /**
   * Whether the refresher uses nothing but its context, so that it never waits for another refresh of its own manager.
   * Only such a refresher keeps its permit of the bounded number of leases while it runs.
   */
  readonly asksThroughContext?: true;
  /** Returns whether a refresh needs the params regardless of the contents of the store. */
  needsParams?(key: TokenKey): boolean;
}

/**
 * The result that a refresher returns: a token, and what came with it.
 *
 * @public
 */
export interface Grant {
  /**
   * The token.
   *
   * @bounds 1 to 16,384 characters
   */
  readonly value: string;
  /**
   * The life of the token, from `obtainedAt`.
   *
   * @bounds 1 to 31,536,000 s (one year)
   */
  readonly expiresInSeconds: number;
  /**
   * The instant at which the token was asked for, in epoch milliseconds.
   *
   * @defaultValue just before the request
   */
  readonly obtainedAt?: number;
  /**
   * The time after which it is due, in seconds from `obtainedAt`.
   *
   * @defaultValue `marginMs` and `jitterMs` of the manager before it expires
   */
  readonly dueInSeconds?: number;
  /**
   * The refresh token that came with it. It is stored in the same write as the token and replaces the one before.
   *
   * @defaultValue the stored one stays, and its deadline too
   * @bounds 1 to 16,384 characters
   */
  readonly refreshToken?: string;
  /**
   * The life of the refresh token, from `obtainedAt`; only together with `refreshToken`.
   *
   * @defaultValue the deadline of the one that was sent, else none is known
   * @bounds 1 to 315,360,000 s (ten years)
   */
  readonly refreshTokenExpiresInSeconds?: number;
  /**
   * The scopes that a user has consented to, separated by commas or white space.
   *
   * A `put` whose scopes are a part of those of the stored grant does not replace it while it can still be used or refreshed;
   * `snsapi_base` is a part of `snsapi_userinfo`. Without `scope` here and in `result`, a refresh that sent the stored refresh
   * token keeps the stored scopes; those of any other grant are unknown, so that any `put` replaces it.
   *
   * @defaultValue `scope` of `result`
   * @bounds at most 4,096 characters
   */
  readonly scope?: string;
  /** WeChat's answer as it came. */
  readonly result?: JsonObject;
}

/** A grant that a built-in refresher has read from an answer. */
export interface AnswerGrant extends Grant {
  readonly result: JsonObject;
  readonly fieldNames: FieldNames;
}

/** The names of the fields of an answer from which a grant was read, for error messages. */
export interface FieldNames {
  readonly value: string;
  readonly expiresInSeconds: string;
}

/**
 * The reason for a refresh: it is `due`, a caller `demand`s it, a value was reported `stale`, or it is `forced`.
 *
 * @public
 */
export type RefreshReason = 'due' | 'demand' | 'stale' | 'forced';

/**
 * The context that a refresher is given.
 *
 * @public
 */
export interface RefreshContext {
  /** The key that is refreshed. */
  readonly key: TokenKey;
  /** The app with its secret. */
  readonly app: AppCredentials;
  /** The current record, if any, expired or not. */
  readonly previous: TokenRecord | undefined;
  /** The reason for the refresh. */
  readonly reason: RefreshReason;
  /** The value that was reported stale, with reason `stale`. */
  readonly stale: string | undefined;
  /** The task's params, `{}` where it has none. */
  readonly params: JsonObject;
  /** Returns the value of a token named by `dependsOn`. */
  token(key: TokenKey): Promise<string>;
  /**
   * Takes a refresh token to send: a stored one, or the one that the task offers in its params. Before it resolves, the
   * store records durably that this one is about to be used, so that a store that accepts no writes fails the refresh
   * while the token is unused. A token that WeChat has rejected is not returned again. It must be called once, right
   * before the request.
   *
   * @param offered - the refresh token that the task offers, `undefined` where it offers none. One that has been replaced
   *   meanwhile is not used.
   * @returns the refresh token, and whether it was the `stored` one.
   * @throws what has to pass through: a `TokenError` (`REAUTHORIZATION_REQUIRED` when all are dead, `INPUT_MISSING` for a
   *   refused ticket, `UPSTREAM_UNAVAILABLE` while another process may still store a successor, `STORE_UNAVAILABLE`), or what
   *   tells the manager to start again; TypeError for misuse.
   */
  spend(offered: string | undefined, options?: SpendOptions): Promise<SpentToken>;
  /**
   * Counts one use against a limit in the store, which the whole fleet shares.
   *
   * @param name - 1 to 64 characters of `A-Z a-z 0-9 _ . @ -`.
   * @param limit - at most one in `everyMs` milliseconds for this key, and `perDay` in any 24 hours for its app.
   * @returns whether it was granted.
   * @throws TypeError for a bound out of its range; a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  allow(name: string, limit: RateLimit): Promise<boolean>;
  /**
   * Sends one request to WeChat and returns its JSON answer. An answer with an `errcode` other than 0 is a `TokenError`.
   */
  request(request: WeChatRequest): Promise<JsonObject>;
  /** Aborted when the attempt is over: 15 s after it began, or when the refresher has settled. */
  readonly signal: AbortSignal;
}

/**
 * The options by which a refresher chooses what it sends.
 *
 * @public
 */
export interface SpendOptions {
  /**
   * The refresh token that is sent first when both the store and the task have one.
   *
   * @defaultValue `'offered'`: a new one means that the user has authorized again
   * @bounds `'offered'` or `'stored'`
   */
  readonly prefer?: 'offered' | 'stored';
}

/**
 * The refresh token that a refresher is to send, once.
 *
 * @public
 */
export interface SpentToken {
  /** The refresh token. */
  readonly value: string;
  /** Whether it was the stored one, and not the one that the task offers. */
  readonly stored: boolean;
}

/**
 * An app as a refresher sees it.
 *
 * @public
 */
export interface AppCredentials {
  /** The id of the app. */
  readonly appid: string;
  /** `undefined` when the app was registered without one. */
  readonly secret: string | undefined;
  /** The endpoint that its access token comes from. */
  readonly accessToken: AccessTokenMode;
}

/**
 * The endpoint that access tokens come from: `stable` is `POST /cgi-bin/stable_token`, `plain` is `GET /cgi-bin/token`.
 *
 * @see https://developers.weixin.qq.com/doc/subscription/api/base/api_getstableaccesstoken.html
 * @public
 */
export type AccessTokenMode = 'stable' | 'plain';

/**
 * The limit that a refresher takes from with `allow`.
 *
 * @public
 */
export interface RateLimit {
  /**
   * The least time between two for the same key.
   *
   * @defaultValue no such limit
   * @bounds 0 to 86,400,000 ms (a day)
   */
  readonly everyMs?: number;
  /**
   * The most in any 24 hours for the app.
   *
   * @defaultValue no such limit
   * @bounds 1 to 1,000
   */
  readonly perDay?: number;
}

/**
 * One request to WeChat, without the origin.
 *
 * @public
 */
export interface WeChatRequest {
  /**
   * The method of the request.
   *
   * @bounds `'GET'` or `'POST'`
   */
  readonly method: 'GET' | 'POST';
  /**
   * The path at the origin of WeChat.
   *
   * @bounds begins with `/`
   */
  readonly path: string;
  /** The parameters of the query. */
  readonly query?: Readonly<Record<string, string>>;
  /** The body, which is sent as JSON. */
  readonly body?: JsonValue;
}

/** The client that sends the requests of refreshers. It is implemented in `wechat` and passed to `core`. */
export interface Upstream {
  /**
   * Sends one request and returns its JSON answer.
   *
   * @param options - `withToken`: whether the request contains a token from `context.token`, so that the answer
   *   "invalid credential" (40001) is about that token; otherwise it is about the app's secret. `secret`: the secret of
   *   the app, which an answer might repeat although the request did not contain it. `user`: the type and the app of
   *   the request, by which connections are shared, so that requests without an answer do not block others. `dated`:
   *   receives the time of WeChat's answer, in epoch milliseconds, if the answer names one.
   */
  request(
    request: WeChatRequest,
    options: {
      readonly signal: AbortSignal;
      readonly withToken: boolean;
      readonly secret?: string | undefined;
      readonly user?: SlotUser;
      readonly dated?: ((at: number) => void) | undefined;
    },
  ): Promise<JsonObject>;
  close(): Promise<void>;
}

/**
 * Returns the refresher unchanged, with the literal type of its name, which an object literal in a variable would lose.
 *
 * @example
 * ```ts
 * const corpToken = defineRefresher({ type: 'corp_access_token', refresh: async ({ request }) => ... });
 * const tokens = new TokenManager({ refreshers: [corpToken] });
 * ```
 *
 * @public
 */
export function defineRefresher<const Type extends string>(refresher: Refresher<Type>): Refresher<Type> {
  return refresher;
}
