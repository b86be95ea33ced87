import { engineOf } from '../../core/engine/engine-of.js';
import { TokenError } from '../../core/model/errors.js';
import { type PlatformManager, platformApiOf } from './platform-calls.js';
import { assertRegistered } from './registered-platform.js';

/**
 * Makes WeChat push verify tickets to a third-party platform again, if it has stopped. It needs no token, since without a ticket
 * there is none.
 *
 * @throws TypeError for an appid that is none; a `TokenError` with code `NOT_REGISTERED` or `INPUT_MISSING` if the platform is not
 *   registered, or has no secret, and those of a request.
 *
 * @example
 * ```ts
 * await startPushTicket(tokens, component); // after no ticket has come for ten minutes
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/component_verify_ticket_service.html
 * @public
 */
export async function startPushTicket(manager: PlatformManager, component: string): Promise<void> {
  const api = platformApiOf(manager, component);
  const engine = engineOf(manager);
  await assertRegistered(engine, component);
  const secret = engine.registry.app(component)?.secret;
  if (secret === undefined) {
    throw new TokenError('INPUT_MISSING', `${component} is registered without a secret`, { appid: component });
  }
  await api.startPushTicket(component, secret);
}
