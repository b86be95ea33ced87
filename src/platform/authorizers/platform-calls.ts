import { engineOf } from '../../core/engine/engine-of.js';
import { assertAppid } from '../../core/model/token-key.js';
import { PlatformApi, type PlatformTokens } from '../authorizations/platform-api.js';

/**
 * The part of a `TokenManager` by which the API of third-party platforms is called. It has to be a manager all the same.
 *
 * @public
 */
export interface PlatformManager {
  hasType(name: string): boolean;
}

/**
 * Returns the client of the API for platforms of a manager.
 *
 * @throws TypeError for an appid that is none, and for a value that is no manager.
 */
export function platformApiOf(manager: PlatformManager, component: string): PlatformApi {
  assertAppid(component);
  const { upstream, clock } = engineOf(manager);
  return new PlatformApi(manager as PlatformManager & PlatformTokens, upstream, clock);
}
