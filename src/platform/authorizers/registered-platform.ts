import type { Engine } from '../../core/engine/engine.js';
import type { Deadline } from '../../core/model/deadline.js';
import { assertAppid, tokenKey } from '../../core/model/token-key.js';

/**
 * Asserts that a platform is registered.
 *
 * @throws TypeError for an appid that is none; a `TokenError` with code `NOT_REGISTERED`, `STORE_UNAVAILABLE`, `TIMEOUT` or
 *   `CLOSED`.
 */
export async function assertRegistered(
  engine: Engine,
  component: string,
  deadline: Deadline = engine.deadline(),
): Promise<void> {
  assertAppid(component);
  await deadline.race(engine.opened());
  await engine.source.assertRegistered(tokenKey(component, 'component_access_token', undefined), deadline);
}
