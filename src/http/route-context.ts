import type { Engine } from '../core/engine.js';
import type { TypeNumbers } from './contracts/token-types.js';
import type { Manager } from './manager.js';

/** What the routes of every contract work with. */
export interface RouteContext {
  readonly manager: Manager;
  readonly engine: Engine;
  readonly typeNumbers: TypeNumbers;
}
