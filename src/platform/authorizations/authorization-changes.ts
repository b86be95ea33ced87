import { isTokenError, TokenError } from '../../core/model/errors.js';
import type { Grant } from '../../core/model/refresher.js';
import type { TokenKey } from '../../core/model/token-key.js';
import { secretHash } from '../../core/primitives/secret-hash.js';
import {
  type AuthorizationDocuments,
  type AuthorizationKey,
  authorizerTokenKey,
  type OwedExchange,
  type OwedRemoval,
  type StoredAuthorization,
} from './authorization-documents.js';
import type { AuthorizedGrant, PlatformApi } from './platform-api.js';

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

/** Receives the changes of authorizations. */
export interface AuthorizationListener {
  authorized(key: AuthorizationKey): void;
  unauthorized(key: AuthorizationKey): void;
}

export interface AuthorizationChangesParts {
  readonly documents: AuthorizationDocuments;
  readonly api: PlatformApi;
  readonly tokens: AuthorizerTokens;
  readonly listener: AuthorizationListener;
}

const MAX_ROUNDS = 10;
const USED_CODE = 61_009;
const EXPIRED_CODE = 61_010;
const NOT_AUTHORIZED = 61_003;

/** Makes the changes of authorizations that pushes have left to do: exchanges codes and unregisters tasks. */
export class AuthorizationChanges {
  readonly #parts: AuthorizationChangesParts;

  constructor(parts: AuthorizationChangesParts) {
    this.#parts = parts;
  }

  /**
   * Does what is to be done for an authorization, and what pushes have added meanwhile.
   *
   * @param isHeld - returns whether no other process does the same.
   */
  async makeAll(key: AuthorizationKey, isHeld: () => boolean): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await this.#parts.documents.read(key);
      if (stored.owed === undefined) return;
      if (stored.owed.kind === 'removal') await this.#remove(key, stored.owed, stored, isHeld);
      else await this.#exchange(key, stored.owed, stored, isHeld);
    }
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

  async #exchange(
    key: AuthorizationKey,
    owed: OwedExchange,
    stored: StoredAuthorization,
    isHeld: () => boolean,
  ): Promise<void> {
    const { documents, tokens, listener } = this.#parts;
    const granted = await this.#granted(key, owed);
    if (granted === 'none') return this.#giveUp(key, owed, stored);
    const now = await documents.read(key);
    // A push that arrived meanwhile is newer, and may have ended this authorization.
    if (now.owedVersion !== stored.owedVersion) return;
    // After the lease another process may have ended the authorization, so the tokens are asked for again.
    if (!isHeld()) throw leaseOver(key);
    if (granted !== 'stored') await this.#put(key, granted);
    await tokens.registerTasks(key);
    const { userName, profile } = now.authorization ?? {};
    const codeHash = secretHash(owed.code);
    const state = { state: 'authorized', changedAt: owed.createdAt, codeHash, userName, profile } as const;
    if ((await documents.saveState(key, state, now.version)) === undefined) return;
    if (await documents.deleteOwed(key, stored.owedVersion)) listener.authorized(key);
  }

  async #put(key: AuthorizationKey, { grant }: AuthorizedGrant): Promise<void> {
    if (grant !== undefined) await this.#parts.tokens.put(authorizerTokenKey(key), grant);
  }

  /**
   * Exchanges the code or, if it was used or has expired, requests tokens with the refresh token that WeChat names: the
   * answer to an earlier exchange may have been lost.
   *
   * @returns `'stored'` if the store has that refresh token already; `'none'` if there is no authorization.
   */
  async #granted(key: AuthorizationKey, { code }: OwedExchange): Promise<AuthorizedGrant | 'stored' | 'none'> {
    const { api } = this.#parts;
    try {
      const granted = await api.queryAuth(key.component, code);
      if (granted.authorizer === key.authorizer) return granted;
    } catch (error) {
      if (!hasCode(error, USED_CODE, EXPIRED_CODE)) throw error;
    }
    return this.#healed(key);
  }

  async #healed(key: AuthorizationKey): Promise<AuthorizedGrant | 'stored' | 'none'> {
    const { api, tokens } = this.#parts;
    try {
      const refreshToken = await api.refreshTokenOf(key);
      if (refreshToken === undefined) return 'none';
      if (await tokens.hasRefreshToken(authorizerTokenKey(key), refreshToken)) return 'stored';
      return { authorizer: key.authorizer, grant: await api.refresh(key, refreshToken) };
    } catch (error) {
      if (hasCode(error, NOT_AUTHORIZED)) return 'none';
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

function leaseOver({ component: appid }: AuthorizationKey): TokenError {
  return new TokenError('TIMEOUT', 'the exchange has outlasted its lease', { appid, retryable: true });
}

function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return isTokenError(error) && error.errcode !== undefined && codes.includes(error.errcode);
}
