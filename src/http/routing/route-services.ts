import type { TypeNumbers } from '../../callbacks/type-numbers.js';
import type { Engine } from '../../core/engine/engine.js';
import type { AccessCheck } from '../access/access-check.js';
import type { Peers } from '../access/peers.js';
import type { Manager } from '../manager/manager.js';
import type { TaskCensuses } from '../manager/task-census.js';

/** The objects that the routes of every contract work with. */
export interface RouteServices {
  readonly manager: Manager;
  readonly engine: Engine;
  readonly typeNumbers: TypeNumbers;
  readonly censuses: TaskCensuses;
  readonly access: AccessCheck;
  readonly peers: Peers;
}
