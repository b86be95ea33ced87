import { timingSafeEqual } from 'node:crypto';
import type { Engine } from '../core/engine.js';
import { secretHash } from '../core/secret-hash.js';
import { type AccessCheck, Admission } from './access/access-check.js';
import { isAppid } from './access/api-key.js';
import type { Permission } from './call.js';
import type { HttpRequest } from './http-message.js';
import type { Route } from './router.js';

/**
 * What the sender of a request may do: by key, by address, or else by the secret of the app that the path names, where the
 * route takes that. Only the last has to be looked up.
 */
export function permissionFor(
  request: HttpRequest,
  { scope, changes, opensWithSecret }: Route,
  appid: string | undefined,
  check: AccessCheck,
  engine: Engine,
): Permission | Promise<Permission> {
  const admitted = check.admit(request, request.method === 'GET' && !changes);
  const permission: Permission =
    admitted instanceof Admission ? admitted : { appids: undefined, refusal: () => admitted };
  if (opensWithSecret !== true || scope === 'open' || appid === undefined) return permission;
  const given = secretIn(request);
  if (given === undefined || permission.refusal(scope, appid) === undefined) return permission;
  return isSecretOf(appid, given, engine).then((opens) => (opens ? openedFor(appid, permission) : permission));
}

function openedFor(appid: string, permission: Permission): Permission {
  return {
    appids: new Set([appid]),
    refusal: (scope, of) => (of === appid ? undefined : permission.refusal(scope, of)),
  };
}

/** The secret in a query; `undefined` without one, or an empty one. */
function secretIn({ search }: HttpRequest): string | undefined {
  return search === '' ? undefined : new URLSearchParams(search).get('secret') || undefined;
}

async function isSecretOf(appid: string, given: string, { early }: Engine): Promise<boolean> {
  if (!isAppid(appid)) return false;
  const hash = Buffer.from(secretHash(given));
  return early.hasSecret(appid, (secret) => timingSafeEqual(hash, Buffer.from(secretHash(secret))));
}
