import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/concurrency/clock.js';
import type { ColdLookups } from '../../core/engine/cold-lookups.js';
import { secretHash } from '../../core/primitives/secret-hash.js';
import type { HttpRequest } from '../messages/http-message.js';
import type { AccessCheck } from './access-check.js';
import { Admission } from './admission.js';
import { isAppid } from './api-key.js';
import type { Peers } from './peers.js';
import type { Permission } from './permission.js';
import type { Refusal } from './refusal.js';
import type { RouteAccess } from './route-access.js';
import { SecretLookUps } from './secret-look-ups.js';

const BASIC = /^basic /i;
const WRONG_SECRET: Refusal = { status: 401, reason: 'secret', message: 'the secret is not that of this app' };

/** Decides what the senders of requests may do, and limits guesses of keys and secrets. */
export class Permissions {
  readonly #check: AccessCheck;
  readonly #peers: Peers;
  readonly #coldLookups: ColdLookups;
  readonly #lookUps: SecretLookUps;

  constructor(check: AccessCheck, peers: Peers, coldLookups: ColdLookups, clock: Clock) {
    this.#check = check;
    this.#peers = peers;
    this.#coldLookups = coldLookups;
    this.#lookUps = new SecretLookUps(clock);
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

  /** Permits a request to an open route, but refuses a wrong key, so that the status page can check a key in this way. */
  #ofOpen(request: HttpRequest, admitted: Admission | Refusal): Permission {
    const isGuess = !(admitted instanceof Admission) && admitted.status === 401 && request.authorization !== undefined;
    return isGuess ? this.#refused(request, admitted) : asPermission(admitted);
  }

  #accepted(request: HttpRequest, permission: Permission): Permission {
    const { accepted, refused } = this.#peers;
    accepted?.note(request.peer);
    if (refused.size > 0 && BASIC.test(request.authorization ?? '')) refused.giveBack(request.peer);
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
    const coldLookups = this.#coldLookups;
    const { refused } = this.#peers;
    const { peer } = request;
    const hash = secretHash(secret);
    const fits = (own: string): boolean => timingSafeEqual(Buffer.from(hash), Buffer.from(secretHash(own)));
    const opened = (): Permission => this.#accepted(request, openedFor(appid, admitted));
    const wrong = (answered: Refusal): Permission => asPermission(answered.reason === 'secret' ? admitted : answered);
    const isHeld = isAppid(appid) ? coldLookups.heldSecret(appid, fits) : false;
    if (isHeld !== undefined) return isHeld ? opened() : wrong(refused.refuse(peer, WRONG_SECRET));
    // Concurrent look-ups are judged only when they end, so that a refusal is reserved for each of them in advance.
    const reserves = !this.#lookUps.isUnderWay(appid, hash);
    if (reserves && !refused.reserve(peer)) return wrong(refused.refuse(peer, WRONG_SECRET));
    const look = async () => ({
      opens: await coldLookups.hasSecret(appid, fits),
      isKnown: coldLookups.holdsApp(appid),
    });
    const release = (): void => {
      if (reserves) refused.release(peer);
    };
    return this.#lookUps.opens(appid, hash, look).then(
      (found) => {
        if (found === false) {
          return wrong(reserves ? refused.refuseReserved(peer, WRONG_SECRET) : refused.refuse(peer, WRONG_SECRET));
        }
        release();
        if (found === true) return opened();
        refused.counter.add({ reason: found.reason });
        return asPermission(found);
      },
      (error: unknown) => {
        release();
        throw error;
      },
    );
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
