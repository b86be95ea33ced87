import { engineOf } from '../../../core/engine/engine-of.js';
import { assertAppid } from '../../../core/model/token-key.js';
import { AuthorizationDocuments } from '../../../platform/authorizations/authorization-documents.js';
import { countAuthorizers } from '../../../platform/authorizers/count-authorizers.js';
import type { RequestContext } from '../../routing/request-context.js';
import { badRequest, RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';

/** The number from which on the authorizers are not counted any more. */
const MAX_COUNTED = 10_000;

/**
 * Unregisters the app of a request. A platform with authorizers is refused unless the request names them, because with them
 * refresh tokens would be lost that only the merchants, or a recovery, can bring back.
 */
export async function removeApp(context: RequestContext, { manager }: Pick<RouteServices, 'manager'>): Promise<void> {
  const appid = context.param('appid');
  const authorizers = context.query('authorizers');
  if (authorizers !== undefined && authorizers !== 'delete') throw badRequest('authorizers must be delete, or absent');
  if (authorizers === undefined) await assertNoAuthorizers(appid, manager);
  await manager.unregister(appid);
}

async function assertNoAuthorizers(appid: string, manager: RouteServices['manager']): Promise<void> {
  assertAppid(appid);
  const engine = engineOf(manager);
  await engine.opened();
  const documents = new AuthorizationDocuments(engine.store, engine.reader);
  const count = await countAuthorizers(documents, appid, MAX_COUNTED);
  if (count === 0) return;
  const number = count < MAX_COUNTED ? String(count) : `${MAX_COUNTED} or more`;
  const accounts = count === 1 ? '1 account has' : `${number} accounts have`;
  throw new RouteFailure({
    status: 409,
    message: `${accounts} authorized ${appid}: add ?authorizers=delete (--authorizers of the command) to remove their tasks and tokens as well`,
  });
}
