import type { Engine } from '../../core/engine/engine.js';
import { addTasks } from '../authorizations/add-tasks.js';
import { AuthorizationDocuments } from '../authorizations/authorization-documents.js';
import type { PlatformApi } from '../authorizations/platform-api.js';
import { AuthorizerRestorer } from './authorizer-restorer.js';
import { authorizerStoreOf } from './authorizer-store-of.js';

/** Creates the restorer of the authorizers of a platform. */
export function restorerOf(engine: Engine, component: string, api: Pick<PlatformApi, 'refresh'>): AuthorizerRestorer {
  const tokens = authorizerStoreOf(engine);
  return new AuthorizerRestorer({
    component,
    clock: engine.clock,
    api,
    store: engine.store,
    documents: engine.documents,
    authorizations: new AuthorizationDocuments(engine.store, engine.reader),
    register: (registration) => addTasks(engine, registration),
    put: (key, grant) => engine.put(key, grant),
    registerTasks: (authorizers) => tokens.registerTasksOf(component, authorizers),
  });
}
