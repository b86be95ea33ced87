import type { Closing } from '../model/closing.js';
import { TokenError } from '../model/errors.js';
import { documentId, type TokenKey } from '../model/token-key.js';
import { secretHash } from '../primitives/secret-hash.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordReader } from '../records/record-reader.js';
import type { Records } from '../records/records.js';
import type { Registry } from '../registry/registry.js';
import { type KeyDocument, nextDueAt, reportedGrant } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import type { StoreClock } from '../store/store-clock.js';
import { isChangedMeanwhile } from '../store/write-errors.js';
import { pauseFlight } from './flight-pause.js';
import type { FlightWork } from './flights.js';
import type { Flight } from './single-flight.js';

export interface FollowerFlightParts {
  readonly documents: KeyDocuments;
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly recordReader: RecordReader;
  readonly closing: Closing;
}

const MAX_ROUNDS = 5;
const LOOK_EVERY_MS = { least: 200, spread: 400 };
/** The time that other processes have to replace a reported token. */
const MAX_WAIT_MS = 60_000;

/** Reads, reports and waits instead of refreshing, in a process that leaves refreshing to others. */
export class FollowerFlight implements FlightWork {
  readonly #parts: FollowerFlightParts;

  constructor(parts: FollowerFlightParts) {
    this.#parts = parts;
  }

  /**
   * Returns a record that other processes have stored.
   *
   * @throws a `TokenError` with code `REFRESH_DISABLED` if the store has no usable one.
   */
  async run(flight: Flight<CachedRecord>): Promise<CachedRecord> {
    const { key, reason, stale } = flight;
    this.#parts.closing.assertOpen();
    if (reason === 'forced') throw refreshDisabled(key, 'so that it cannot force a refresh');
    if (reason === 'stale' && stale !== undefined) return this.#replaced(flight, stale);
    const held = await this.#parts.recordReader.read(key);
    if (held !== undefined && this.#parts.records.leftMs(held) > 0) return held;
    throw refreshDisabled(key, `and the store has no unexpired ${key.type}`);
  }

  /**
   * Reports to the refreshing processes that the value is stale, and waits for another one. If they refuse the report,
   * the same value is returned.
   */
  async #replaced(flight: Flight<CachedRecord>, stale: string): Promise<CachedRecord> {
    const { clock, documents, records, recordReader } = this.#parts;
    const { key } = flight;
    const givesUpAt = clock.monotonic() + MAX_WAIT_MS;
    let document = await this.#report(key, stale);
    while (clock.monotonic() < givesUpAt) {
      const { grant } = document;
      if (grant !== undefined && records.isUsableGrant(key, grant)) {
        const isReplaced = grant.value !== stale;
        const isRefused = reportedGrant(document) === undefined;
        if (isReplaced || isRefused) return recordReader.adopt(key, document) as CachedRecord;
      }
      await pauseFlight(flight, this.#parts, LOOK_EVERY_MS.least + clock.random() * LOOK_EVERY_MS.spread);
      document = await documents.read(key);
    }
    throw refreshDisabled(key, 'and no other process has replaced the token that was reported');
  }

  /** Records in the key's document that its value is stale, and makes the key due. */
  async #report(key: TokenKey, stale: string): Promise<KeyDocument> {
    const { documents, registry, clock } = this.#parts;
    if (registry.task(key) === undefined) await registry.reload(documentId('task', key));
    if (registry.task(key) === undefined)
      throw refreshDisabled(key, 'and other processes refresh a reported token only if it has a task');
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const document = await documents.read(key);
      if (document.grant === undefined) throw refreshDisabled(key, `and the store has no ${key.type}`);
      if (document.grant.value !== stale || reportedGrant(document) !== undefined) return document;
      const reported = { ...document, report: { value: secretHash(stale), at: clock.now() } };
      const dueAt = Math.max(clock.now(), nextDueAt(reported, clock.now()));
      const version = await documents.save(key, reported, { hadTask: true, dueAt });
      if (version !== undefined) return { ...reported, version };
    }
    throw isChangedMeanwhile(key);
  }
}

function refreshDisabled(key: TokenKey, why: string): TokenError {
  return new TokenError('REFRESH_DISABLED', `this process does not refresh (refresh: 'never'), ${why}`, {
    ...key,
    retryable: true,
  });
}
