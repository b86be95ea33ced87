import type { Engine } from '../../core/engine/engine.js';
import { addTasks } from '../authorizations/add-tasks.js';
import type { AuthorizationChangesParts } from '../authorizations/authorization-changes.js';
import { AuthorizationDocuments, type AuthorizationKey } from '../authorizations/authorization-documents.js';
import { AuthorizerStore } from '../authorizations/authorizer-store.js';
import { ExchangedCodes } from '../authorizations/exchanged-codes.js';
import { PlatformApi, type PlatformTokens } from '../authorizations/platform-api.js';
import { isTestAccount } from '../authorizations/test-accounts.js';
import { AuthorizerProfiles } from './authorizer-profiles.js';

const DEFAULT_TASKS: readonly string[] = ['authorizer_access_token'];
/** The types that the receiver of a manager registers, which hold for every exchange of a code with that manager. */
const tasksOfManagers = new WeakMap<Engine, readonly string[]>();

/**
 * Creates the parts that make changes of authorizations.
 *
 * @param authorizerTasks - the types of the tasks that an authorizer gets; by default those of the manager's receiver.
 */
export function changesPartsOf(
  engine: Engine,
  manager: PlatformTokens,
  authorizerTasks?: readonly string[],
): AuthorizationChangesParts & { readonly profiles: AuthorizerProfiles } {
  const { clock, store, reader, types, events } = engine;
  if (authorizerTasks !== undefined) tasksOfManagers.set(engine, authorizerTasks);
  const tokens = new AuthorizerStore({
    store,
    documents: engine.documents,
    types,
    authorizerTasks: authorizerTasks ?? tasksOfManagers.get(engine) ?? DEFAULT_TASKS,
    put: (key, grant) => engine.put(key, grant),
    register: (registration) => addTasks(engine, registration),
    unregisterTask: (key, isStillWanted) => engine.unregisterTask(key, isStillWanted),
  });
  const documents = new AuthorizationDocuments(store, reader);
  const api = new PlatformApi(manager, engine.upstream, clock);
  const profiles = new AuthorizerProfiles(documents, api);
  const listener = {
    authorized(key: AuthorizationKey) {
      if (isTestAccount(key.authorizer)) return;
      profiles.learn(key);
      events.emit('authorized', { ...key });
    },
    unauthorized(key: AuthorizationKey) {
      if (!isTestAccount(key.authorizer)) events.emit('unauthorized', { ...key });
    },
  };
  return { documents, codes: new ExchangedCodes(store, reader, clock), api, tokens, listener, clock, profiles };
}
