import { isAnswerTo } from '../model/force.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { KeyDocument } from '../store/key-document.js';
import type { Flight } from './single-flight.js';
import type { State } from './state.js';

/** The answer of the store to a flight: a record that answers it, or a failure that forbids attempts for now. */
export type StoredAnswer = { readonly kind: 'settled'; readonly record: CachedRecord } | typeof COOLS_DOWN;

/** The answer of a document that forbids an attempt for now; `Failures` has learnt until when. */
export const COOLS_DOWN = { kind: 'coolsDown' } as const;

/** Tells which records make a flight needless. */
export class StoredAnswers {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** Returns a record that has been stored elsewhere since this flight began, and answers it. */
  heardOf({ key, reason, force }: Flight<CachedRecord>, knownVersion: number): StoredAnswer | undefined {
    const { records } = this.#state;
    const held = records.cache.get(key);
    if (held === undefined || reason === 'stale') return undefined;
    const answers =
      force === undefined ? held.version > knownVersion && !records.isDue(held) : isAnswerTo(force, held.version, held);
    return answers ? { kind: 'settled', record: held } : undefined;
  }

  /** Returns what a document has for a flight; `undefined` where it is to be refreshed. */
  settledBy(document: KeyDocument, flight: Flight<CachedRecord>, knownVersion: number): StoredAnswer | undefined {
    const { records, failures, registry } = this.#state;
    const { grant } = document;
    const { key, reason, force } = flight;
    failures.learn(key, document);
    if (grant !== undefined && records.isUsableGrant(key, grant)) {
      const isNotDue = reason === 'due' && !records.isGrantDue(key, grant);
      const isNew = force === undefined && document.recordVersion > knownVersion;
      const replaces = force !== undefined && isAnswerTo(force, document.recordVersion, grant);
      const answers = reason === 'stale' ? grant.value !== flight.stale : isNew || isNotDue || replaces;
      const announceFirst = registry.task(key) !== undefined;
      if (answers) {
        return { kind: 'settled', record: records.adopt(key, document, grant, { source: 'store', announceFirst }) };
      }
    }
    return failures.active(key, flight.urgent) === undefined ? undefined : COOLS_DOWN;
  }
}
