import type { Clock } from '../../core/concurrency/clock.js';
import { TokenError } from '../../core/model/errors.js';
import type { Grant } from '../../core/model/refresher.js';
import type { TokenKey } from '../../core/model/token-key.js';
import { secretHash } from '../../core/primitives/secret-hash.js';
import { leaseOver, underLease } from '../work/leased-work.js';
import {
  type AuthorizationDocuments,
  type AuthorizationKey,
  authorizerTokenKey,
  type Granted,
  type OwedExchange,
  type OwedRemoval,
  type OwedWork,
  type StoredAuthorization,
} from './authorization-documents.js';
import type { ExchangedCodes } from './exchanged-codes.js';
import type { PlatformApi } from './platform-api.js';
import { isCodeRefused, isNotAuthorized } from './refusals.js';

/** The tokens and tasks of authorizers, as the manager has them. */
export interface AuthorizerTokens {
  /** Stores the tokens of an authorizer. */
  put(key: TokenKey, grant: Grant): Promise<unknown>;
  /** Registers those of the tasks of an authorizer that are missing. */
  registerTasks(key: AuthorizationKey): Promise<void>;
  /** Unregisters everything that the platform has of an authorizer. Fails as soon as `isStillWanted` returns `false`. */
  unregisterAll(key: AuthorizationKey, isStillWanted: () => boolean): Promise<void>;
  /** Returns whether this refresh token of an authorizer is stored. */
  hasRefreshToken(key: TokenKey, refreshToken: string): Promise<boolean>;
}

/** The registrations of platforms. */
export interface Platforms {
  /** Returns whether a platform was unregistered, and not lost by a store that was replaced. */
  isGone(component: string): Promise<boolean>;
}

/** Receives the changes of authorizations. */
export interface AuthorizationListener {
  authorized(key: AuthorizationKey): void;
  unauthorized(key: AuthorizationKey): void;
}

export interface AuthorizationChangesParts {
  readonly documents: AuthorizationDocuments;
  readonly codes: ExchangedCodes;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly api: PlatformApi;
  readonly tokens: AuthorizerTokens;
  readonly platforms: Platforms;
  readonly listener: AuthorizationListener;
}

const MAX_ROUNDS = 10;
/** The time within which what a store has lost is put back by the processes that hold it. */
const PUT_BACK_MS = 10 * 60_000;

/** A grant, or `'stored'` if the store has its refresh token already. */
type Found = { readonly grant: Grant | undefined | 'stored'; readonly permissions: readonly number[] };

/** Makes the changes of authorizations that pushes have left to do: exchanges codes and unregisters tasks. */
export class AuthorizationChanges {
  readonly #parts: AuthorizationChangesParts;

  constructor(parts: AuthorizationChangesParts) {
    this.#parts = parts;
  }

  /**
   * Does what is to be done for an authorization, and what pushes have added meanwhile. One process of the fleet does so at a
   * time.
   *
   * @returns whether nothing is left to do; `false` while another process does it, or exchanges the same code.
   */
  async makeAll(key: AuthorizationKey): Promise<boolean> {
    const { documents, clock } = this.#parts;
    return (await underLease(documents, clock, key, (isHeld) => this.#makeAll(key, isHeld))) === true;
  }

  async #makeAll(key: AuthorizationKey, isHeld: () => boolean): Promise<boolean> {
    const { documents, platforms } = this.#parts;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await documents.read(key);
      const { owed } = stored;
      if (owed === undefined) return true;
      if (await platforms.isGone(key.component)) await this.#drop(key, owed, stored);
      else if (owed.kind === 'removal') await this.#remove(key, owed, stored, isHeld);
      else if (owed.granted !== undefined) await this.#complete(key, owed, stored, isHeld);
      else if (!(await this.#exchange(key, owed, stored, isHeld))) return false;
    }
    return false;
  }

  /**
   * Deletes what a push or an exchange has written after its platform was unregistered, of which it did not know yet. A
   * platform that an emptied store lacks has been put back by then.
   *
   * @throws a `TokenError` with code `NOT_REGISTERED` if the platform may still be put back.
   */
  async #drop(key: AuthorizationKey, { createdAt }: OwedWork, { owedVersion }: StoredAuthorization): Promise<void> {
    const { documents, clock } = this.#parts;
    if (clock.now() - createdAt >= PUT_BACK_MS) return void (await documents.deleteOwed(key, owedVersion));
    const { component: appid } = key;
    throw new TokenError('NOT_REGISTERED', `${appid} is no longer registered`, { appid });
  }

  async #remove(
    key: AuthorizationKey,
    { createdAt }: OwedRemoval,
    stored: StoredAuthorization,
    isHeld: () => boolean,
  ): Promise<void> {
    const { documents, tokens, listener } = this.#parts;
    await tokens.unregisterAll(key, isHeld);
    const state = { state: 'unauthorized', changedAt: createdAt } as const;
    if ((await documents.saveState(key, state, stored.version)) === undefined) return;
    if (await documents.deleteOwed(key, stored.owedVersion)) listener.unauthorized(key);
  }

  /** Exchanges a code, unless another process does so for the page to which the merchant came back. */
  async #exchange(
    key: AuthorizationKey,
    owed: OwedExchange,
    stored: StoredAuthorization,
    isHeld: () => boolean,
  ): Promise<boolean> {
    const { documents, codes } = this.#parts;
    const isExchanged = await codes.exclusively(key.component, owed.code, async () => {
      const { owedVersion } = await documents.read(key);
      if (owedVersion === stored.owedVersion) await this.#complete(key, owed, stored, isHeld);
      return true;
    });
    return isExchanged === true;
  }

  async #complete(
    key: AuthorizationKey,
    owed: OwedExchange,
    stored: StoredAuthorization,
    isHeld: () => boolean,
  ): Promise<void> {
    const { documents, codes, tokens, listener } = this.#parts;
    const found = owed.granted === undefined ? await this.#granted(key, owed) : await this.#alive(key, owed.granted);
    if (found === 'none') return this.#giveUp(key, owed, stored);
    const now = await documents.read(key);
    // A push that arrived meanwhile is newer, and may have ended this authorization.
    if (now.owedVersion !== stored.owedVersion) return;
    // After the lease another process may have ended the authorization, so the tokens are asked for again.
    if (!isHeld()) throw leaseOver(key.component);
    const { grant, permissions } = found;
    if (grant !== undefined && grant !== 'stored') await tokens.put(authorizerTokenKey(key), grant);
    await tokens.registerTasks(key);
    const { userName, profile } = now.authorization ?? {};
    const codeHash = secretHash(owed.code);
    const state = { state: 'authorized', changedAt: owed.createdAt, codeHash, userName, profile } as const;
    if ((await documents.saveState(key, state, now.version)) === undefined) return;
    const result = { authorizer: key.authorizer, permissions, since: owed.createdAt };
    await codes.note(key.component, owed.code, result);
    if (await documents.deleteOwed(key, stored.owedVersion)) listener.authorized(key);
  }

  /** Returns what a code was exchanged for, with new tokens if those have expired since. */
  async #alive(key: AuthorizationKey, granted: Granted): Promise<Found | 'none'> {
    const { api, clock } = this.#parts;
    const { grant, permissions } = granted;
    if (grant?.obtainedAt === undefined || grant.obtainedAt + grant.expiresInSeconds * 1_000 > clock.now())
      return granted;
    if (grant.refreshToken === undefined) return this.#healed(key);
    try {
      return { grant: await api.refresh(key, grant.refreshToken), permissions };
    } catch (error) {
      if (isNotAuthorized(error)) return 'none';
      throw error;
    }
  }

  /**
   * Exchanges the code or, if it was used or has expired, requests tokens with the refresh token that WeChat names: the
   * answer to an earlier exchange may have been lost.
   *
   * @returns `'none'` if there is no authorization.
   */
  async #granted(key: AuthorizationKey, { code }: OwedExchange): Promise<Found | 'none'> {
    const { api } = this.#parts;
    try {
      const granted = await api.queryAuth(key.component, code);
      if (granted.authorizer === key.authorizer) return granted;
    } catch (error) {
      if (!isCodeRefused(error)) throw error;
    }
    return this.#healed(key);
  }

  async #healed(key: AuthorizationKey): Promise<Found | 'none'> {
    const { api, tokens } = this.#parts;
    try {
      const named = await api.namedAuthorization(key);
      if (named === undefined) return 'none';
      const { refreshToken, permissions } = named;
      if (await tokens.hasRefreshToken(authorizerTokenKey(key), refreshToken)) return { grant: 'stored', permissions };
      return { grant: await api.refresh(key, refreshToken), permissions };
    } catch (error) {
      if (isNotAuthorized(error)) return 'none';
      throw error;
    }
  }

  /** Ends an exchange that cannot succeed: the merchant has to authorize again, or has ended the authorization. */
  async #giveUp(key: AuthorizationKey, owed: OwedExchange, stored: StoredAuthorization): Promise<void> {
    const { documents } = this.#parts;
    const { createdAt } = owed;
    if (owed.orRemoval) {
      await documents.saveOwed(key, { kind: 'removal', createdAt }, stored.owedVersion);
      return;
    }
    const state = { state: 'needsAuthorization', changedAt: createdAt, codeHash: secretHash(owed.code) } as const;
    if ((await documents.saveState(key, state, stored.version)) === undefined) return;
    await documents.deleteOwed(key, stored.owedVersion);
  }
}
