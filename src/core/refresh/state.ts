import type { BackgroundCoolDowns } from '../records/background-cool-downs.js';
import type { Records } from '../records/records.js';
import type { RetryStates } from '../records/retry-states.js';
import type { Registry } from '../registry/registry.js';

/** The state that this process knows: registrations, current records and failures. */
export interface State {
  readonly registry: Registry;
  readonly records: Records;
  /** The retry states of keys, stored ones and those of this host alone. */
  readonly retryStates: RetryStates;
  /** The cool-downs after attempts that could not be made or changed nothing, which are not stored. */
  readonly coolDowns: BackgroundCoolDowns;
}
