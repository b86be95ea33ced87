import type { BackgroundCoolDowns } from '../records/background-cool-downs.js';
import type { Records } from '../records/records.js';
import type { RetryStates } from '../records/retry-states.js';
import type { Registry } from '../registry/registry.js';

/** The knowledge of this process: what is registered, the tokens in force, and what has failed. */
export interface State {
  readonly registry: Registry;
  readonly records: Records;
  /** The failures that the store remembers, and those of this host alone. */
  readonly failures: RetryStates;
  /** The attempts that the store does not remember: they could not be made, or changed nothing. */
  readonly setbacks: BackgroundCoolDowns;
}
