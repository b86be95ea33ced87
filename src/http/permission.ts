import { timingSafeEqual } from 'node:crypto';
import type { Engine } from '../core/engine.js';
import { secretHash } from '../core/secret-hash.js';
import { type AccessCheck, Admission } from './access/access-check.js';
import type { Permission } from './call.js';
import type { HttpRequest } from './http-message.js';
import type { Route } from './router.js';

/** What the sender of a request may do: by key, by address, or by the secret of the app where the route takes that. */
export function permissionFor(request: HttpRequest, route: Route, check: AccessCheck, engine: Engine): Permission {
  const admitted = check.admit(request);
  return (scope, appid) => {
    const refusal = admitted instanceof Admission ? admitted.refusal(scope, appid) : admitted;
    const opens = route.opensWithSecret === true && appid !== undefined && hasSecretOf(appid, request, engine);
    return refusal === undefined || opens ? undefined : refusal;
  };
}

function hasSecretOf(appid: string, { search }: HttpRequest, engine: Engine): boolean {
  const given = new URLSearchParams(search).get('secret');
  const secret = engine.registry.app(appid)?.secret;
  if (given === null || secret === undefined) return false;
  return timingSafeEqual(Buffer.from(secretHash(given)), Buffer.from(secretHash(secret)));
}
