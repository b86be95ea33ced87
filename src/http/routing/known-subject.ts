import type { TokenKey } from '../../core/model/token-key.js';
import { RouteFailure } from './route-failure.js';
import type { RouteServices } from './route-services.js';

/**
 * Asserts that a key with a subject has a task or a stored token, so that callers cannot have tokens fetched for invented
 * subjects.
 *
 * @throws RouteFailure if it has neither; TypeError for an invalid key.
 */
export async function assertKnownSubject(
  key: Required<TokenKey>,
  { manager, coldLookups }: Pick<RouteServices, 'manager' | 'coldLookups'>,
): Promise<void> {
  const { appid, type, subject } = key;
  if (manager.hasTask(appid, type, { subject }) || (await coldLookups.knows(key))) return;
  throw new RouteFailure({ status: 404, message: 'nothing is registered or stored for this subject' });
}
