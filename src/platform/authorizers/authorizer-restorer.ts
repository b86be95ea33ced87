import { Semaphore } from '../../core/concurrency/semaphore.js';
import type { Grant } from '../../core/model/refresher.js';
import type { Registration, TaskRegistration } from '../../core/model/registration.js';
import { documentId, isAppid, type TokenKey } from '../../core/model/token-key.js';
import { allOf } from '../../core/primitives/all-of.js';
import { isJsonObject } from '../../core/primitives/json.js';
import type { KeyDocuments } from '../../core/store/key-documents.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import {
  type AuthorizationDocuments,
  authorizerTokenKey,
  type StoredAuthorization,
} from '../authorizations/authorization-documents.js';
import type { ListedAuthorizer } from '../authorizations/platform-answers.js';
import type { PlatformApi } from '../authorizations/platform-api.js';
import { isTestAccount } from '../authorizations/test-accounts.js';

/**
 * The numbers of authorizers of a platform, by what became of them.
 *
 * @public
 */
export interface AuthorizerCounts {
  /** The number of those that were stored already. */
  readonly present: number;
  /** The number of those that were restored. */
  readonly restored: number;
  /** The number of those that have to authorize again, because WeChat names no refresh token. */
  readonly needAuthorization: number;
}

export interface AuthorizerRestorerParts {
  readonly component: string;
  readonly api: Pick<PlatformApi, 'refresh'>;
  readonly store: Pick<SupervisedStore, 'get'>;
  readonly documents: Pick<KeyDocuments, 'decode'>;
  readonly authorizations: AuthorizationDocuments;
  register(registration: Registration): Promise<void>;
  put(key: TokenKey, grant: Grant): Promise<unknown>;
  /** Registers those of the tasks of authorizers that are missing. */
  registerTasks(authorizers: readonly string[]): Promise<void>;
}

type Fate = keyof AuthorizerCounts;

/** A listed authorizer, and what the store has of it. */
interface Found {
  readonly authorizer: ListedAuthorizer;
  readonly state: StoredAuthorization;
  readonly hasTask: boolean;
  /** `undefined` if it is to be restored. */
  readonly fate: Fate | undefined;
}

const TYPE = 'authorizer_access_token';
const REFRESH_TOKEN = 'authorizer_refresh_token';
const CONCURRENT = 8;

/** Restores authorizers whose refresh token is not stored, each once. */
export class AuthorizerRestorer {
  readonly #parts: AuthorizerRestorerParts;
  readonly #fates = new Map<string, Fate>();
  readonly #permits = new Semaphore(CONCURRENT);

  constructor(parts: AuthorizerRestorerParts) {
    this.#parts = parts;
  }

  get counts(): AuthorizerCounts {
    const counts = { present: 0, restored: 0, needAuthorization: 0 };
    for (const fate of this.#fates.values()) counts[fate] += 1;
    return counts;
  }

  /** Restores those of a page that are missing. Test accounts and authorizers of earlier pages are passed over. */
  async restore(page: readonly ListedAuthorizer[]): Promise<void> {
    const { register, component } = this.#parts;
    const listed = page.filter(({ appid }) => isAppid(appid) && !isTestAccount(appid) && !this.#fates.has(appid));
    const found = await this.#find(listed);
    const offers = found.filter(({ fate, hasTask }) => fate === undefined && !hasTask);
    const tasks = offers.map(({ authorizer: { appid, refreshToken } }): TaskRegistration => {
      return { type: TYPE, subject: appid, params: { [REFRESH_TOKEN]: refreshToken as string } };
    });
    if (tasks.length > 0) await register({ appid: component, tasks });
    // A registration would replace the params and the target of an existing task.
    const others = found.filter(({ fate, hasTask }) => fate === undefined && hasTask);
    await allOf(others.map(({ authorizer }) => this.#permits.run(() => this.#refresh(authorizer))));
    const restored = found.filter(({ fate }) => fate === undefined);
    await this.#parts.registerTasks(restored.map(({ authorizer }) => authorizer.appid));
    for (const { authorizer, fate = 'restored' } of found) this.#fates.set(authorizer.appid, fate);
    await allOf(found.map((one) => this.#permits.run(() => this.#noteState(one))));
  }

  /** Reads what the store has of authorizers. */
  async #find(listed: readonly ListedAuthorizer[]): Promise<readonly Found[]> {
    const { component, store, documents, authorizations } = this.#parts;
    const keys = listed.map(({ appid }) => authorizerTokenKey({ component, authorizer: appid }));
    const ids = keys.flatMap((key) => [documentId('key', key), documentId('task', key)]);
    const stored = ids.length === 0 ? [] : await store.get(ids);
    return Promise.all(
      listed.map((authorizer, index) =>
        this.#permits.run(async (): Promise<Found> => {
          const [record, task] = [stored[2 * index], stored[2 * index + 1]];
          const { rotation } = await documents.decode(keys[index] as TokenKey, record);
          const state = await authorizations.read({ component, authorizer: authorizer.appid });
          const params = task?.data['params'];
          const offered = isJsonObject(params) ? params[REFRESH_TOKEN] : undefined;
          const isPresent = rotation?.token !== undefined || offered === authorizer.refreshToken;
          return { authorizer, state, hasTask: task !== undefined, fate: fateOf(authorizer, state, isPresent) };
        }),
      ),
    );
  }

  async #refresh({ appid, refreshToken }: ListedAuthorizer): Promise<void> {
    const { api, component, put } = this.#parts;
    const grant = await api.refresh({ component, authorizer: appid }, refreshToken as string);
    if (grant !== undefined) await put(authorizerTokenKey({ component, authorizer: appid }), grant);
  }

  /** Notes the state of an authorization that the store does not know. */
  async #noteState({ authorizer, state: { authorization, version }, fate }: Found): Promise<void> {
    if (authorization !== undefined) return;
    const { authorizations, component } = this.#parts;
    const state = fate === 'needAuthorization' ? 'needsAuthorization' : 'authorized';
    const key = { component, authorizer: authorizer.appid };
    await authorizations.saveState(key, { state, changedAt: authorizer.authorizedAt }, version);
  }
}

/** Returns what becomes of an authorizer; `undefined` if it is to be restored. */
function fateOf(
  { refreshToken, authorizedAt }: ListedAuthorizer,
  { owed, authorization }: StoredAuthorization,
  isPresent: boolean,
): Fate | undefined {
  // The list may have been read before a push that ended the authorization.
  const hasEnded = authorization?.state === 'unauthorized' && authorization.changedAt > authorizedAt;
  if (hasEnded) return 'needAuthorization';
  if (owed !== undefined || (isPresent && refreshToken !== undefined)) return 'present';
  return refreshToken === undefined ? 'needAuthorization' : undefined;
}
