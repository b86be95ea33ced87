import type { Clock } from '../../core/concurrency/clock.js';
import { Semaphore } from '../../core/concurrency/semaphore.js';
import { isTokenError } from '../../core/model/errors.js';
import type { Grant } from '../../core/model/refresher.js';
import type { Registration, TaskRegistration } from '../../core/model/registration.js';
import { isOfNoMoreUse } from '../../core/model/rotation.js';
import { documentId, isAppid, type TokenKey } from '../../core/model/token-key.js';
import { allOf } from '../../core/primitives/all-of.js';
import { isJsonObject } from '../../core/primitives/json.js';
import type { KeyDocuments } from '../../core/store/key-documents.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import { contended } from '../../core/store/write-errors.js';
import {
  type Authorization,
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
  readonly clock: Pick<Clock, 'now'>;
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
const MAX_ROUNDS = 10;
/** The codes by which WeChat says that an account does not authorize the platform, or not by this refresh token. */
const REFUSED: readonly number[] = [61_003, 61_023];

/** An authorizer of which is known what has become of it. */
interface Restored extends Pick<Found, 'authorizer' | 'state'> {
  readonly fate: Fate;
}

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
    const { register, registerTasks, component } = this.#parts;
    const listed = page.filter(({ appid }) => isAppid(appid) && !isTestAccount(appid) && !this.#fates.has(appid));
    const found = await this.#find(listed);
    const offers = found.filter(({ fate, hasTask }) => fate === undefined && !hasTask);
    const tasks = offers.map(({ authorizer: { appid, refreshToken } }): TaskRegistration => {
      return { type: TYPE, subject: appid, params: { [REFRESH_TOKEN]: refreshToken as string } };
    });
    if (tasks.length > 0) await register({ appid: component, tasks });
    const restored: Restored[] = [];
    const restoreOne = async (one: Found): Promise<void> => void restored.push(await this.#restored(one));
    await allOf(found.map((one) => this.#permits.run(() => restoreOne(one))));
    const usable = restored.filter(({ fate }) => fate === 'restored');
    await registerTasks(usable.map(({ authorizer }) => authorizer.appid));
    for (const { authorizer, fate } of restored) this.#fates.set(authorizer.appid, fate);
    await allOf(restored.map((one) => this.#permits.run(() => this.#noteState(one))));
  }

  /** Reads what the store has of authorizers. */
  async #find(listed: readonly ListedAuthorizer[]): Promise<readonly Found[]> {
    const { component, clock, store, documents, authorizations } = this.#parts;
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
          const isListed = [rotation?.token, offered].includes(authorizer.refreshToken);
          const hasToken = rotation?.token !== undefined && !isOfNoMoreUse(rotation, clock.now());
          const isPresent = isListed || (hasToken && mayBeNewer(authorizer, state));
          return { authorizer, state, hasTask: task !== undefined, fate: fateOf(authorizer, state, isPresent) };
        }),
      ),
    );
  }

  /** Returns what becomes of an authorizer, for which tokens are requested if it has a task already. */
  async #restored({ authorizer, state, hasTask, fate }: Found): Promise<Restored> {
    if (fate !== undefined) return { authorizer, state, fate };
    // A registration would replace the params and the target of an existing task.
    const isUsable = !hasTask || (await this.#refresh(authorizer));
    return { authorizer, state, fate: isUsable ? 'restored' : 'needAuthorization' };
  }

  /** Requests tokens and stores them; returns `false` if WeChat does not accept the refresh token that it has listed. */
  async #refresh({ appid, refreshToken }: ListedAuthorizer): Promise<boolean> {
    const { api, component, put } = this.#parts;
    try {
      const grant = await api.refresh({ component, authorizer: appid }, refreshToken as string);
      if (grant !== undefined) await put(authorizerTokenKey({ component, authorizer: appid }), grant);
      return true;
    } catch (error) {
      // The others are restored all the same.
      if (isTokenError(error) && error.errcode !== undefined && REFUSED.includes(error.errcode)) return false;
      throw error;
    }
  }

  /**
   * Notes the state of an authorization where the store has none, or another one. That of a restored one is always written:
   * an end of it that is being handled has perhaps not seen the task yet, and then finds another version and begins again.
   */
  async #noteState({ authorizer, state, fate }: Restored): Promise<void> {
    const { authorizations, component } = this.#parts;
    const key = { component, authorizer: authorizer.appid };
    let now = state;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const endedAt = endOf(authorizer, now);
      const next = endedAt === undefined ? stateOf(authorizer, now, fate) : undefined;
      if (next === undefined && (endedAt === undefined || fate !== 'restored')) return;
      // An end that was handled before the task was registered is handled again.
      const saved =
        next === undefined
          ? await authorizations.saveOwed(key, { kind: 'removal', createdAt: endedAt as number }, now.owedVersion)
          : await authorizations.saveState(key, next, now.version);
      if (saved !== undefined) return;
      now = await authorizations.read(key);
    }
    throw contended(`the authorization of ${authorizer.appid}`, { appid: component });
  }
}

/** Returns what becomes of an authorizer; `undefined` if it is to be restored. */
function fateOf(authorizer: ListedAuthorizer, state: StoredAuthorization, isPresent: boolean): Fate | undefined {
  const { refreshToken } = authorizer;
  if (state.owed === undefined && endOf(authorizer, state) !== undefined) return 'needAuthorization';
  if (state.owed !== undefined || (isPresent && refreshToken !== undefined)) return 'present';
  return refreshToken === undefined ? 'needAuthorization' : undefined;
}

/**
 * Returns whether a stored refresh token that WeChat does not list may be the newer one. After an authorization that has failed,
 * has ended or was followed by another one, of which no push has arrived, it is of no use.
 */
function mayBeNewer({ authorizedAt }: ListedAuthorizer, { authorization }: StoredAuthorization): boolean {
  return (
    authorization === undefined || (authorization.state === 'authorized' && authorization.changedAt >= authorizedAt)
  );
}

/** Returns the time at which an authorization has ended, if the list was read before a push of its end. */
function endOf({ authorizedAt }: ListedAuthorizer, { owed, authorization }: StoredAuthorization): number | undefined {
  const endedAt = owed?.kind === 'removal' ? owed.createdAt : 0;
  const wasEndedAt = authorization?.state === 'unauthorized' ? authorization.changedAt : 0;
  const latest = Math.max(endedAt, wasEndedAt);
  return latest > authorizedAt ? latest : undefined;
}

/** Returns the state that is to be written for an authorizer; `undefined` if the stored one stays. */
function stateOf(
  authorizer: ListedAuthorizer,
  { owed, authorization }: StoredAuthorization,
  fate: Fate,
): Authorization | undefined {
  const { authorizedAt, refreshToken } = authorizer;
  if (fate !== 'restored') {
    if (owed !== undefined) return undefined;
    // An account without the right to call WeChat's API has no refresh token.
    const isAsStored = fate === 'present' || refreshToken === undefined;
    if (authorization?.state === 'authorized' && isAsStored) return undefined;
  }
  const state = fate === 'needAuthorization' ? 'needsAuthorization' : 'authorized';
  return { ...authorization, state, changedAt: Math.max(authorization?.changedAt ?? 0, authorizedAt) };
}
