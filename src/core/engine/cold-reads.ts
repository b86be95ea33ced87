import { isTokenError } from '../model/errors.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { Registry } from '../registry/registry.js';

export interface ColdReadsParts {
  readonly registry: Registry;
  readonly records: Records;
  readonly recordReader: RecordReader;
  readonly fetchesWithoutStore: boolean;
}

/** Reads what the store has of a key of which this process holds nothing. */
export class ColdReads {
  readonly #parts: ColdReadsParts;

  constructor(parts: ColdReadsParts) {
    this.#parts = parts;
  }

  /** Reads record and registration in one round trip, where neither is held; else `undefined`. */
  withRegistration(key: TokenKey): Promise<CachedRecord | undefined> | undefined {
    const { registry, records, recordReader } = this.#parts;
    if (registry.isAtHand(key) || records.cache.get(key) !== undefined) return undefined;
    const reading = this.#orWithoutStore(recordReader.readWithRegistration(key));
    // `assertRegistered` reports the error; this only avoids an unhandled rejection.
    reading.catch(() => {});
    return reading;
  }

  /** Reads the record, and beside it a task that was registered elsewhere and has not been heard of yet. */
  record(key: TokenKey): Promise<CachedRecord | undefined> {
    const { registry, recordReader } = this.#parts;
    const hasTask = registry.task(key) !== undefined;
    return this.#orWithoutStore(hasTask ? recordReader.read(key) : recordReader.readWithRegistration(key));
  }

  async #orWithoutStore(reading: Promise<CachedRecord | undefined>): Promise<CachedRecord | undefined> {
    try {
      return await reading;
    } catch (error) {
      // The refresh decides whether it can do without the store.
      if (this.#parts.fetchesWithoutStore && isTokenError(error)) return undefined;
      throw error;
    }
  }
}
