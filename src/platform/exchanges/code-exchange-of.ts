import type { Engine } from '../../core/engine/engine.js';
import { AuthorizationChanges } from '../authorizations/authorization-changes.js';
import type { PlatformTokens } from '../authorizations/platform-api.js';
import { changesPartsOf } from '../authorizers/changes-parts-of.js';
import { restorerOf } from '../authorizers/restorer-of.js';
import { CodeExchange } from './code-exchange.js';
import { LostAuthorizations } from './lost-authorizations.js';

/** Creates the exchange of authorization codes with a manager. */
export function codeExchangeOf(engine: Engine, manager: PlatformTokens): CodeExchange {
  const parts = changesPartsOf(engine, manager);
  const { api, clock } = parts;
  const lost = new LostAuthorizations({
    api,
    clock,
    restorerOf: (component) => restorerOf(engine, component, api),
  });
  const { closing, refreshes } = engine;
  const changes = new AuthorizationChanges(parts);
  return new CodeExchange({ ...parts, changes, lost, clock: engine.clock, closing, refreshes });
}
