import type { Engine } from '../../core/engine/engine.js';
import { assertAppid, tokenKey } from '../../core/model/token-key.js';

/**
 * Asserts that a platform is registered.
 *
 * @throws TypeError for an appid that is none; a `TokenError` with code `NOT_REGISTERED`, `STORE_UNAVAILABLE`, `TIMEOUT` or
 *   `CLOSED`.
 */
export async function assertRegistered(engine: Engine, component: string): Promise<void> {
  assertAppid(component);
  const deadline = engine.deadline();
  await deadline.race(engine.opened());
  await engine.source.assertRegistered(tokenKey(component, 'component_access_token', undefined), deadline);
}
