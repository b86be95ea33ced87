import type { Engine } from '../../core/engine/engine.js';
import { addTasks } from '../authorizations/add-tasks.js';
import { AuthorizerStore } from '../authorizations/authorizer-store.js';

const DEFAULT_TASKS: readonly string[] = ['authorizer_access_token'];
/** The types that the receiver of a manager registers, which hold for every exchange and recovery with that manager. */
const tasksOfManagers = new WeakMap<Engine, readonly string[]>();

/**
 * Creates what keeps the tokens and tasks of authorizers.
 *
 * @param authorizerTasks - the types of the tasks that an authorizer gets; by default those of the manager's receiver.
 */
export function authorizerStoreOf(engine: Engine, authorizerTasks?: readonly string[]): AuthorizerStore {
  if (authorizerTasks !== undefined) tasksOfManagers.set(engine, authorizerTasks);
  return new AuthorizerStore({
    store: engine.store,
    documents: engine.documents,
    types: engine.types,
    authorizerTasks: authorizerTasks ?? tasksOfManagers.get(engine) ?? DEFAULT_TASKS,
    put: (key, grant) => engine.put(key, grant),
    register: (registration) => addTasks(engine, registration),
    unregisterTask: (key, isStillWanted) => engine.unregisterTask(key, isStillWanted),
  });
}
