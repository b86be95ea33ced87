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
  const isAdmitted = admitted instanceof Admission;
  const refusalOf: Permission['refusal'] = (scope, appid) => {
    const refusal = isAdmitted ? admitted.refusal(scope, appid) : admitted;
    if (refusal === undefined || route.opensWithSecret !== true || appid === undefined) return refusal;
    const given = secretIn(request);
    return given !== undefined && isSecretOf(appid, given, engine) ? undefined : refusal;
  };
  return { appids: isAdmitted ? admitted.appids : undefined, refusal: refusalOf };
}

/** The secret in a query; `undefined` without one, or an empty one. */
export function secretIn({ search }: HttpRequest): string | undefined {
  return search === '' ? undefined : new URLSearchParams(search).get('secret') || undefined;
}

function isSecretOf(appid: string, given: string, engine: Engine): boolean {
  const secret = secretOf(appid, engine);
  return secret !== undefined && timingSafeEqual(Buffer.from(secretHash(given)), Buffer.from(secretHash(secret)));
}

/** Who has shown no key is not told why an app cannot be read. */
function secretOf(appid: string, engine: Engine): string | undefined {
  try {
    return engine.registry.app(appid)?.secret;
  } catch {
    return undefined;
  }
}
