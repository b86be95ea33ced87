import { isAnswerTo } from '../model/force.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { KeyDocument } from '../store/key-document.js';
import { COOLS_DOWN, done, type Outcome } from './outcome.js';
import type { Flight } from './single-flight.js';
import type { State } from './state.js';

/** Decides which records make a flight needless. */
export class StoredAnswers {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** Returns the cached record if another process has stored it since this flight began and it satisfies the flight. */
  heardOf({ key, reason, force }: Flight<CachedRecord>, knownVersion: number): Outcome | undefined {
    const { records } = this.#state;
    const held = records.cache.get(key);
    if (held === undefined || reason === 'stale') return undefined;
    const answers =
      force === undefined ? held.version > knownVersion && !records.isDue(held) : isAnswerTo(force, held.version, held);
    return answers ? done(held) : undefined;
  }

  /** Returns the outcome that a document has for a flight; `undefined` if the key has to be refreshed. */
  settledBy(document: KeyDocument, flight: Flight<CachedRecord>, knownVersion: number): Outcome | undefined {
    const { records, retryStates, registry } = this.#state;
    const { grant } = document;
    const { key, reason, force } = flight;
    retryStates.update(key, document);
    if (grant !== undefined && records.isUsableGrant(key, grant)) {
      const isNotDue = reason === 'due' && !records.isGrantDue(key, grant);
      const isNew = force === undefined && document.recordVersion > knownVersion;
      const replaces = force !== undefined && isAnswerTo(force, document.recordVersion, grant);
      const answers = reason === 'stale' ? grant.value !== flight.stale : isNew || isNotDue || replaces;
      const announceFirst = registry.task(key) !== undefined;
      if (answers) return done(records.adopt(key, document, grant, { source: 'store', announceFirst }));
    }
    return retryStates.active(key, flight.urgent) === undefined ? undefined : COOLS_DOWN;
  }
}
