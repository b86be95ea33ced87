import type { Engine } from '../../core/engine/engine.js';
import { tokenKey } from '../../core/model/token-key.js';
import { checkRegistration } from '../../core/store/registration-check.js';
import type { AuthorizationChangesParts, Platforms } from '../authorizations/authorization-changes.js';
import { AuthorizationDocuments, type AuthorizationKey } from '../authorizations/authorization-documents.js';
import { ExchangedCodes } from '../authorizations/exchanged-codes.js';
import { PlatformApi, type PlatformTokens } from '../authorizations/platform-api.js';
import { isTestAccount } from '../authorizations/test-accounts.js';
import { AuthorizerProfiles } from './authorizer-profiles.js';
import { authorizerStoreOf } from './authorizer-store-of.js';

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
  const { clock, store, reader, events } = engine;
  const tokens = authorizerStoreOf(engine, authorizerTasks);
  const documents = new AuthorizationDocuments(store, reader);
  const api = new PlatformApi(manager, engine.upstream, clock);
  const profiles = new AuthorizerProfiles(documents, api);
  const platforms: Platforms = {
    async isGone(component) {
      const key = tokenKey(component, 'component_access_token', undefined);
      return (await checkRegistration(store, key, { hadTask: false })) === 'gone';
    },
  };
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
  return {
    documents,
    codes: new ExchangedCodes(store, reader, clock),
    api,
    tokens,
    platforms,
    listener,
    clock,
    profiles,
  };
}
