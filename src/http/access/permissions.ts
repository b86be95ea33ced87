import { isPromise } from '../../core/primitives/foreign-objects.js';
import type { HttpRequest } from '../messages/http-message.js';
import type { AccessCheck } from './access-check.js';
import { Admission } from './admission.js';
import type { Peers } from './peers.js';
import type { Permission } from './permission.js';
import type { Refusal } from './refusal.js';
import type { RouteAccess } from './route-access.js';
import type { SecretCheck } from './secret-check.js';

/** Decides what the senders of requests may do, and limits guesses of keys and secrets. */
export class Permissions {
  readonly #check: AccessCheck;
  readonly #peers: Peers;
  readonly #secrets: SecretCheck;

  constructor(check: AccessCheck, peers: Peers, secrets: SecretCheck) {
    this.#check = check;
    this.#peers = peers;
    this.#secrets = secrets;
  }

  /**
   * Returns the permission of a request: by key, by address, or by the secret of the app in the path if the route accepts
   * one. Only the last may need a look-up in the store.
   */
  of(request: HttpRequest, route: RouteAccess, appid: string | undefined): Permission | Promise<Permission> {
    const { scope, changes } = route;
    const admitted = this.#check.admit(request, request.method === 'GET' && !changes);
    if (scope === 'open') return this.#ofOpen(request, admitted);
    const refusal = admitted instanceof Admission ? admitted.refusal(scope, appid) : admitted;
    if (refusal === undefined) return this.#accepted(request, admitted as Admission);
    const secret = route.opensWithSecret === true && appid !== undefined ? secretIn(request) : undefined;
    if (secret !== undefined && appid !== undefined) return this.#bySecret(request, appid, secret, admitted);
    return this.#refused(request, admitted);
  }

  /**
   * Permits a request to an open route. A wrong key is refused, and counts as a guess, only if the route asks what it permits: a
   * caller learns nothing of a key from an answer that does not depend on it, and an outdated one may come with each call of an SDK.
   */
  #ofOpen(request: HttpRequest, admitted: Admission | Refusal): Permission {
    const isGuess = !(admitted instanceof Admission) && admitted.status === 401 && request.authorization !== undefined;
    if (!isGuess) return asPermission(admitted);
    let refused: Permission | undefined;
    return {
      appids: undefined,
      keyId: undefined,
      refusal: (scope, appid) => {
        refused ??= this.#refused(request, admitted);
        return refused.refusal(scope, appid);
      },
    };
  }

  #accepted(request: HttpRequest, permission: Permission): Permission {
    this.#peers.accepted?.note(request);
    return permission;
  }

  /** Counts a refusal as a guess, unless the key is valid and only lacks the permission. */
  #refused({ peer }: HttpRequest, admitted: Admission | Refusal): Permission {
    if (admitted instanceof Admission || admitted.reason === 'tooMany') return asPermission(admitted);
    return asPermission(this.#peers.refused.refuse(peer, admitted));
  }

  #bySecret(
    request: HttpRequest,
    appid: string,
    secret: string,
    admitted: Admission | Refusal,
  ): Permission | Promise<Permission> {
    const judged = (refusal: Refusal | undefined): Permission => {
      if (refusal === undefined) return this.#accepted(request, openedFor(appid, admitted));
      // A caller with a key learns what is wrong with the key, and any other what is wrong with the secret.
      const isAboutKey = refusal.reason === 'secret' && (admitted instanceof Admission || admitted.reason !== 'noKey');
      return asPermission(isAboutKey ? admitted : refusal);
    };
    const refusal = this.#secrets.refusal(request.peer, appid, secret);
    return isPromise(refusal) ? refusal.then(judged) : judged(refusal);
  }
}

function asPermission(admitted: Admission | Refusal): Permission {
  return admitted instanceof Admission ? admitted : { appids: undefined, keyId: undefined, refusal: () => admitted };
}

function openedFor(appid: string, admitted: Admission | Refusal): Permission {
  const permission = asPermission(admitted);
  return {
    appids: new Set([appid]),
    keyId: permission.keyId,
    refusal: (scope, of) => (of === appid ? undefined : permission.refusal(scope, of)),
  };
}

/** Returns the secret in a query; `undefined` if there is none or it is empty. */
function secretIn({ search }: HttpRequest): string | undefined {
  return search === '' ? undefined : new URLSearchParams(search).get('secret') || undefined;
}
