import { isTokenError } from '../model/errors.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordReader } from '../records/record-reader.js';
import type { State } from '../refresh/state.js';

/** Reads the stored record of a key that has none cached. */
export class ColdReads {
  readonly #state: State;
  readonly #recordReader: RecordReader;
  readonly #fetchesWithoutStore: boolean;

  constructor(state: State, recordReader: RecordReader, fetchesWithoutStore: boolean) {
    this.#state = state;
    this.#recordReader = recordReader;
    this.#fetchesWithoutStore = fetchesWithoutStore;
  }

  /** Reads the record and the registration in one round trip if neither is cached; returns `undefined` otherwise. */
  withRegistration(key: TokenKey): Promise<CachedRecord | undefined> | undefined {
    const { registry, records } = this.#state;
    if (registry.isCached(key) || records.cache.get(key) !== undefined) return undefined;
    const reading = this.#orWithoutStore(this.#recordReader.readWithRegistration(key));
    // `assertRegistered` reports the error; this only avoids an unhandled rejection.
    reading.catch(() => {});
    return reading;
  }

  /**
   * Reads the record together with a task that may have been registered elsewhere, if its notification has not arrived
   * yet.
   */
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
