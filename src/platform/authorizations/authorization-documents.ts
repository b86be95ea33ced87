import type { Grant } from '../../core/model/refresher.js';
import { type TokenKey, tokenKey } from '../../core/model/token-key.js';
import { isArray } from '../../core/primitives/foreign-objects.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/primitives/json.js';
import { seal, unseal } from '../../core/store/document-codec.js';
import type { DocumentReader } from '../../core/store/document-reader.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import { exclusively } from '../work/exclusively.js';
import { type AuthorizerProfile, storedProfile } from './authorizer-profile.js';
import { isTestAccount } from './test-accounts.js';

/** A merchant's authorization of a platform. */
export interface AuthorizationKey {
  /** The appid of the platform. */
  readonly component: string;
  /** The appid of the merchant's account. */
  readonly authorizer: string;
}

/** Returns the key of the token with which a platform acts for an authorizer. */
export function authorizerTokenKey({ component, authorizer }: AuthorizationKey): TokenKey {
  return tokenKey(component, 'authorizer_access_token', authorizer);
}

/** The tokens and the permissions that an authorizer has granted. */
export interface Granted {
  /** Its tokens. The account of one without the right to call WeChat's API has none. */
  readonly grant: Grant | undefined;
  /** The ids of its permission sets. */
  readonly permissions: readonly number[];
}

/** An authorization whose code is still to be exchanged for tokens. */
export interface OwedExchange {
  readonly kind: 'exchange';
  readonly code: string;
  readonly createdAt: number;
  /** Whether the authorization ended in the same second, which counts if the code cannot be exchanged. */
  readonly orRemoval: boolean;
  /** The result of the exchange, if that is done, and only the rest is to be done. */
  readonly granted?: Granted | undefined;
}

/** The end of an authorization, after which its tasks are still to be unregistered. */
export interface OwedRemoval {
  readonly kind: 'removal';
  readonly createdAt: number;
}

export type OwedWork = OwedExchange | OwedRemoval;

/** The state of an authorization. */
export interface Authorization {
  readonly state: 'authorized' | 'unauthorized' | 'needsAuthorization';
  /** The `CreateTime` of the push that led to this state, in epoch milliseconds. */
  readonly changedAt: number;
  /** The hash of the code that was exchanged last. */
  readonly codeHash?: string | undefined;
  /** The original id of the account, to which its messages are addressed, once it is known. */
  readonly userName?: string | undefined;
  /** The name, the kind and the permissions of the account, as WeChat said when it was asked last. */
  readonly profile?: AuthorizerProfile | undefined;
}

/** The documents of an authorization as they are stored. A version of 0 means that there is no document. */
export interface StoredAuthorization {
  readonly owed: OwedWork | undefined;
  readonly owedVersion: number;
  readonly authorization: Authorization | undefined;
  readonly version: number;
}

const STATES: ReadonlySet<unknown> = new Set(['authorized', 'unauthorized', 'needsAuthorization']);

/**
 * Reads and writes the documents of authorizations. Each has one for its state, and another while something is still to be
 * done for it, so that what is pending can be listed.
 */
export class AuthorizationDocuments {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;

  constructor(store: SupervisedStore, reader: DocumentReader) {
    this.#store = store;
    this.#reader = reader;
  }

  /** Reads both documents, in one round trip. */
  async read(key: AuthorizationKey): Promise<StoredAuthorization> {
    const [owed, state] = await this.#store.get([owedId(key), stateId(key)]);
    const found = await this.#reader.read(owed, (document) => ({
      owed: document && owedIn(unseal(document)),
      owedVersion: document?.version ?? 0,
    }));
    const known = await this.#reader.read(state, (document) => ({
      authorization: document && authorizationIn(unseal(document)),
      version: document?.version ?? 0,
    }));
    return { ...found, ...known };
  }

  /** Yields the authorizations for which something is still to be done; of all platforms, or of one. */
  async *pending(platform?: string): AsyncIterable<AuthorizationKey> {
    for await (const { id } of this.#store.list(platform === undefined ? 'owed' : `owed/${platform}`)) {
      const [, component, authorizer] = id.split('/');
      if (component !== undefined && authorizer !== undefined) yield { component, authorizer };
    }
  }

  /**
   * Yields the authorizations of a platform with their states, in an order that the store chooses and keeps. WeChat's test
   * accounts are left out.
   *
   * @param after - the appid of the authorizer after which they begin.
   */
  async *ofPlatform(component: string, after?: string): AsyncIterable<AuthorizationKey & Authorization> {
    const options = after === undefined ? {} : { after: stateId({ component, authorizer: after }) };
    for await (const document of this.#store.list(`authorization/${component}`, options)) {
      const authorization = await this.#reader.read(document, (found) => found && authorizationIn(unseal(found)));
      const authorizer = document.id.split('/')[2];
      if (authorization === undefined || authorizer === undefined || isTestAccount(authorizer)) continue;
      yield { component, authorizer, ...authorization };
    }
  }

  /**
   * Writes what is to be done.
   *
   * @param version - the version of the document that is replaced; 0 for none.
   * @returns the new version; `undefined` if another process was faster.
   */
  saveOwed(key: AuthorizationKey, owed: OwedWork, version: number): Promise<number | undefined> {
    return this.#save(owedId(key), owed, version);
  }

  /** Removes what was to be done; returns `false` if something else is to be done by now. */
  deleteOwed(key: AuthorizationKey, version: number): Promise<boolean> {
    return this.#store.delete(owedId(key), version);
  }

  /** Writes the state; returns the new version, or `undefined` if another process was faster. */
  saveState(key: AuthorizationKey, authorization: Authorization, version: number): Promise<number | undefined> {
    return this.#save(stateId(key), authorization, version);
  }

  /**
   * Runs work that one process of the fleet does at a time.
   *
   * @returns the result; `undefined` while another process does it.
   */
  exclusively<Result>(
    key: AuthorizationKey,
    leaseMs: number,
    work: () => Promise<Result>,
  ): Promise<Result | undefined> {
    return exclusively(this.#store, owedId(key), leaseMs, work);
  }

  #save(id: string, content: OwedWork | Authorization, version: number): Promise<number | undefined> {
    // What is not defined is left out, in nested objects as well.
    return this.#store.set(id, seal(id, JSON.parse(JSON.stringify(content)) as JsonObject), version);
  }
}

function owedId({ component, authorizer }: AuthorizationKey): string {
  return `owed/${component}/${authorizer}`;
}

function stateId({ component, authorizer }: AuthorizationKey): string {
  return `authorization/${component}/${authorizer}`;
}

function owedIn(content: JsonObject): OwedWork | undefined {
  const { kind, code, createdAt, orRemoval, granted } = content;
  if (typeof createdAt !== 'number') return undefined;
  if (kind === 'removal') return { kind, createdAt };
  if (kind !== 'exchange' || typeof code !== 'string') return undefined;
  return { kind, code, createdAt, orRemoval: orRemoval === true, granted: grantedIn(granted) };
}

function grantedIn(granted: JsonValue | undefined): Granted | undefined {
  if (!isJsonObject(granted)) return undefined;
  const { grant, permissions } = granted;
  const ids = isArray(permissions) ? permissions.filter((id) => typeof id === 'number') : [];
  return { grant: isJsonObject(grant) ? (grant as unknown as Grant) : undefined, permissions: ids };
}

function authorizationIn(content: JsonObject): Authorization | undefined {
  const { state, changedAt, codeHash, userName, profile } = content;
  if (!STATES.has(state) || typeof changedAt !== 'number') return undefined;
  return {
    state: state as Authorization['state'],
    changedAt,
    codeHash: typeof codeHash === 'string' ? codeHash : undefined,
    userName: typeof userName === 'string' ? userName : undefined,
    profile: storedProfile(profile),
  };
}
