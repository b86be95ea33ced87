import { Slots } from '../concurrency/slots.js';
import type { Deadline } from '../model/deadline.js';
import { NeedMissing } from '../model/need-missing.js';
import type { ResolvedOptions } from '../model/options.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import { coolingDependency } from '../refresh/cooling-dependency.js';
import { FirstAttempts } from '../refresh/first-attempts.js';
import { Following, type FollowingParts } from '../refresh/following.js';
import { Refresh, type RefreshParts } from '../refresh/refresh.js';
import type { Flight } from '../refresh/single-flight.js';
import { Allowances } from '../store/allowance.js';
import type { DocumentReader } from '../store/document-reader.js';
import { FailureBudget } from '../store/failure-budget.js';
import type { TokenSource } from './token-source.js';

type MadeHere =
  | 'times'
  | 'accessToken'
  | 'fetchesWithoutStore'
  | 'allowances'
  | 'budget'
  | 'firstAttempts'
  | 'leasing'
  | 'announcing'
  | 'tokenOf'
  | 'replaceStale';

export interface FlightWorkParts extends Omit<RefreshParts, MadeHere>, FollowingParts {
  readonly reader: DocumentReader;
  readonly options: ResolvedOptions;
  /** Flights get the tokens that a refresh needs by flights of their own. */
  readonly source: () => TokenSource;
  readonly deadline: () => Deadline;
}

/** A file store has four threads to work with. */
const MAX_PREPARING = 4;

/** Returns what a flight does: refresh, or look for what others have refreshed. */
export function flightWork(parts: FlightWorkParts): (flight: Flight<CachedRecord>) => Promise<CachedRecord> {
  const { options, source, deadline, store, reader, clock, closing } = parts;
  const { times, accessToken, refreshes, fetchesWithoutStore } = options;
  if (!refreshes) {
    const following = new Following(parts);
    return async (flight) => {
      closing.assertOpen();
      return following.run(flight);
    };
  }
  const budget = new FailureBudget(store, reader, clock);
  const refresh = new Refresh({
    ...parts,
    times,
    accessToken,
    fetchesWithoutStore,
    allowances: new Allowances(store, reader, () => clock.now()),
    budget,
    firstAttempts: new FirstAttempts({ ...parts, budget, accessToken }),
    leasing: new Slots(MAX_PREPARING),
    announcing: new Slots(MAX_PREPARING),
    tokenOf: async (key) => (await source().acquire(key, 0, deadline())).value,
    replaceStale: (key, value) => source().refreshStale(key, value, deadline()),
  });
  const read = (key: TokenKey): Promise<unknown> => parts.recordReader.read(key);
  return async (flight) => {
    closing.assertOpen();
    const { setbacks } = source();
    const cooling = flight.urgent ? undefined : await coolingDependency(flight.key, { ...parts, setbacks, read });
    // Who waits for the token meanwhile does so by the rules for callers.
    if (cooling !== undefined && !flight.urgent) throw new NeedMissing(cooling);
    return refresh.run(flight);
  };
}
