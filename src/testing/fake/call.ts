import type { JsonObject } from '../../core/primitives/json.js';

/**
 * One call that a {@link FakeWeChat} has received. It holds no secrets.
 *
 * @public
 */
export interface FakeCall {
  /** The instant of the call, on the fake's clock, in epoch milliseconds. */
  readonly at: number;
  /** The method of the request. */
  readonly method: string;
  /** The path of the request. */
  readonly path: string;
  /** The app that made the call; `undefined` if there is none, as with a token that the fake does not know. */
  readonly appid: string | undefined;
  /** The openid or the merchant's appid that it is about, where there is one. */
  readonly subject: string | undefined;
  /** The type of token that was asked for, such as `access_token`; `undefined` at endpoints that hand out nothing. */
  readonly tokenType: string | undefined;
  /** Whether `force_refresh` was set. */
  readonly forced: boolean;
  /** The code that was answered, 0 for success; `undefined` when a fault left no such answer. */
  readonly errcode: number | undefined;
}

/** A request as it was received. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The body; `undefined` if it was not a JSON object. */
  readonly body: JsonObject | undefined;
  /** The caller's address, as an IPv4 address if it is a mapped one. */
  readonly ip: string;
}
