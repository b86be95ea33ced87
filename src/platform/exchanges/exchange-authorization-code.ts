import { engineOf } from '../../core/engine/engine-of.js';
import { assertAppid } from '../../core/model/token-key.js';
import { isAuthorizationCode } from '../authorizations/authorization-push.js';
import type { PlatformTokens } from '../authorizations/platform-api.js';
import type { PlatformManager } from '../authorizers/platform-calls.js';
import { assertRegistered } from '../authorizers/registered-platform.js';
import { codeExchangeOf } from './code-exchange-of.js';

/**
 * An account whose authorization code was exchanged. Its tokens are stored, and not part of it.
 *
 * @public
 */
export interface AuthorizerInfo {
  /** The appid of the account. */
  readonly appid: string;
  /** The ids of the permission sets that it has granted with the code. */
  readonly permissions: readonly number[];
  /** The instant since which it is authorized, in epoch milliseconds. */
  readonly since: number;
}

/**
 * Exchanges the code with which a merchant comes back from WeChat, and returns the merchant's account. Its tokens are stored by
 * then, and its tasks registered.
 *
 * The push of the same authorization carries the same code. It is exchanged once by all processes on the store, and each call with
 * it within an hour returns the same account, also after the push was first.
 *
 * @throws TypeError for an appid or a code that is none; a `TokenError` of `get` for the token of the platform, or of the request,
 *   with `errcode` 61009 or 61010 for a code that is not one of this platform, was used elsewhere, or has expired; with code
 *   `REAUTHORIZATION_REQUIRED` if the account has ended its authorization since; with code `UPSTREAM_UNAVAILABLE` and `errcode` if
 *   the answer to an earlier call was lost: the push of WeChat completes that authorization, after which a call succeeds.
 *
 * @example
 * ```ts
 * const { appid, permissions } = await exchangeAuthorizationCode(tokens, component, code);
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/authorization_info.html
 * @public
 */
export async function exchangeAuthorizationCode(
  manager: PlatformManager,
  component: string,
  code: string,
): Promise<AuthorizerInfo> {
  assertAppid(component);
  if (typeof code !== 'string' || !isAuthorizationCode(code)) {
    throw new TypeError('code must be 1 to 1024 printable ASCII characters without spaces');
  }
  const engine = engineOf(manager);
  const deadline = engine.deadline();
  await assertRegistered(engine, component, deadline);
  const exchange = codeExchangeOf(engine, manager as PlatformManager & PlatformTokens);
  const { authorizer, permissions, since } = await exchange.exchange(component, code, deadline);
  return { appid: authorizer, permissions, since };
}
