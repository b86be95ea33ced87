import { isTokenError } from '../model/errors.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordReader } from '../records/record-reader.js';
import type { State } from '../refresh/state.js';

/** Reads what the store has of a key of which this process holds nothing. */
export class ColdReads {
  readonly #state: State;
  readonly #recordReader: RecordReader;
  readonly #fetchesWithoutStore: boolean;

  constructor(state: State, recordReader: RecordReader, fetchesWithoutStore: boolean) {
    this.#state = state;
    this.#recordReader = recordReader;
    this.#fetchesWithoutStore = fetchesWithoutStore;
  }

  /** Reads record and registration in one round trip, where neither is held; else `undefined`. */
  withRegistration(key: TokenKey): Promise<CachedRecord | undefined> | undefined {
    const { registry, records } = this.#state;
    if (registry.isCached(key) || records.cache.get(key) !== undefined) return undefined;
    const reading = this.#orWithoutStore(this.#recordReader.readWithRegistration(key));
    // `assertRegistered` reports the error; this only avoids an unhandled rejection.
    reading.catch(() => {});
    return reading;
  }

  /** Reads the record, and beside it a task that was registered elsewhere and has not been heard of yet. */
  record(key: TokenKey): Promise<CachedRecord | undefined> {
    const hasTask = this.#state.registry.task(key) !== undefined;
    const reader = this.#recordReader;
    return this.#orWithoutStore(hasTask ? reader.read(key) : reader.readWithRegistration(key));
  }

  async #orWithoutStore(reading: Promise<CachedRecord | undefined>): Promise<CachedRecord | undefined> {
    try {
      return await reading;
    } catch (error) {
      // The refresh decides whether it can do without the store.
      if (this.#fetchesWithoutStore && isTokenError(error)) return undefined;
      throw error;
    }
  }
}
