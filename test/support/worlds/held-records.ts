import type { Clock } from '../../../src/core/concurrency/clock.js';
import { Events } from '../../../src/core/model/events.js';
import { resolveOptions } from '../../../src/core/model/options.js';
import type { TokenKey } from '../../../src/core/model/token-key.js';
import { GrantWriter } from '../../../src/core/records/grant-writer.js';
import { RecordCache } from '../../../src/core/records/record-cache.js';
import { Records } from '../../../src/core/records/records.js';
import { RetryStates } from '../../../src/core/records/retry-states.js';
import { fingerprintOf } from '../../../src/core/registry/attempt-input.js';
import type { StoredGrant } from '../../../src/core/store/key-document.js';
import type { TokenStore } from '../../../src/index.js';
import { type OpenedStorage, openStorage } from './storage.js';

export interface HeldRecordsWorld extends OpenedStorage {
  readonly events: Events;
  readonly records: Records;
  readonly retryStates: RetryStates;
  readonly writer: GrantWriter;
}

/** Returns what one process holds of a store, and what writes it back, without anything that refreshes. */
export function holdRecords(given: TokenStore, clock: Clock, events: Events = new Events()): HeldRecordsWorld {
  const storage = openStorage(given, clock);
  const { registry } = storage;
  const { times, maxCachedRecords } = resolveOptions({});
  const cache = new RecordCache(maxCachedRecords, (key) => registry.task(key) !== undefined);
  const records = new Records(cache, storage.clock, events, times, async () => undefined, registry);
  const retryStates = new RetryStates(storage, cache, events, (key) => fingerprintOf(key, registry, []));
  return { ...storage, events, records, retryStates, writer: new GrantWriter(storage, records) };
}

/** Returns a grant that was obtained now, lives two hours and is due after 100 minutes, except for the given fields. */
export function grantNow(clock: Pick<Clock, 'now'>, value: string, fields: Partial<StoredGrant>): StoredGrant {
  const now = clock.now();
  return { value, obtainedAt: now, expiresAt: now + 7_200_000, dueAt: now + 6_000_000, ...fields };
}

/** Gives the process a task of this key. */
export function holdTask({ registry }: Pick<HeldRecordsWorld, 'registry'>, key: TokenKey): void {
  registry.setTask({ key, params: undefined, notify: undefined, functionMissing: false, version: 1 });
}
