import type { Grant } from '../../core/model/refresher.js';
import type { Registration } from '../../core/model/registration.js';
import { documentId, type TokenKey, tokenKey } from '../../core/model/token-key.js';
import type { KeyDocuments } from '../../core/store/key-documents.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import type { AuthorizerTokens } from './authorization-changes.js';
import type { AuthorizationKey } from './authorization-documents.js';
import { isTestAccount } from './test-accounts.js';

/** The parts of a manager that keep the tokens of authorizers. */
export interface AuthorizerStoreParts {
  readonly store: Pick<SupervisedStore, 'get'>;
  readonly documents: Pick<KeyDocuments, 'read'>;
  /** The names of all types of the manager. */
  readonly types: readonly string[];
  /** The types of the tasks that an authorizer gets. */
  readonly authorizerTasks: readonly string[];
  put(key: TokenKey, grant: Grant): Promise<unknown>;
  register(registration: Registration): Promise<void>;
  unregisterTask(key: TokenKey, isStillWanted: () => boolean): Promise<void>;
}

/** Stores the tokens of authorizers, and registers and unregisters their tasks. */
export class AuthorizerStore implements AuthorizerTokens {
  readonly #parts: AuthorizerStoreParts;

  constructor(parts: AuthorizerStoreParts) {
    this.#parts = parts;
  }

  async put(key: TokenKey, grant: Grant): Promise<void> {
    await this.#parts.put(key, grant);
  }

  async registerTasks({ component, authorizer }: AuthorizationKey): Promise<void> {
    await this.registerTasksOf(component, [authorizer]);
  }

  /**
   * Registers the missing tasks of authorizers alone, because a registration would replace the params and the target of the
   * others. A test account of WeChat gets none: its token is needed during a check only.
   */
  async registerTasksOf(component: string, authorizers: readonly string[]): Promise<void> {
    const { authorizerTasks, store, register } = this.#parts;
    const subjects = authorizers.filter((authorizer) => !isTestAccount(authorizer));
    const wanted = subjects.flatMap((subject) => authorizerTasks.map((type) => ({ type, subject })));
    if (wanted.length === 0) return;
    const ids = wanted.map(({ type, subject }) => documentId('task', tokenKey(component, type, subject)));
    const documents = await store.get(ids);
    const missing = wanted.filter((_task, index) => documents[index] === undefined);
    if (missing.length > 0) await register({ appid: component, tasks: missing });
  }

  async unregisterAll(key: AuthorizationKey, isStillWanted: () => boolean): Promise<void> {
    const { types, unregisterTask } = this.#parts;
    const tasks = await this.#presentOf('task', key, types);
    const tokens = await this.#presentOf('key', key, types);
    for (const type of new Set([...tasks, ...tokens])) await unregisterTask(keyOf(key, type), isStillWanted);
  }

  async hasRefreshToken(key: TokenKey, refreshToken: string): Promise<boolean> {
    const { rotation } = await this.#parts.documents.read(key);
    return rotation?.token === refreshToken;
  }

  /** Returns the types of which an authorizer has a document of this kind. */
  async #presentOf(kind: 'task' | 'key', key: AuthorizationKey, types: readonly string[]): Promise<Set<string>> {
    const documents = await this.#parts.store.get(types.map((type) => documentId(kind, keyOf(key, type))));
    return new Set(types.filter((_type, index) => documents[index] !== undefined));
  }
}

function keyOf({ component, authorizer }: AuthorizationKey, type: string): TokenKey {
  return tokenKey(component, type, authorizer);
}
