import type { Clock } from '../../core/concurrency/clock.js';
import { TokenError } from '../../core/model/errors.js';

/** The documents that say what is to be done. */
export interface LeasedDocuments<Key> {
  /** Runs work that one process of the fleet does at a time; returns `undefined` while another process does it. */
  exclusively<Result>(key: Key, leaseMs: number, work: () => Promise<Result>): Promise<Result | undefined>;
}

/** A lease outlasts three requests to WeChat, and the writes after them. */
const LEASE_MS = 60_000;
/** The time after asking for its lease in which changes may begin, so that they end before the lease does. */
const HELD_MS = 45_000;

/**
 * Runs work that one process of the fleet does at a time.
 *
 * @param work - is given a function that returns whether no other process can do the same yet.
 * @returns the result; `undefined` while another process does it.
 */
export function underLease<Key, Result>(
  documents: LeasedDocuments<Key>,
  clock: Pick<Clock, 'monotonic'>,
  key: Key,
  work: (isHeld: () => boolean) => Promise<Result>,
): Promise<Result | undefined> {
  const askedAt = clock.monotonic();
  const isHeld = (): boolean => clock.monotonic() - askedAt < HELD_MS;
  return documents.exclusively(key, LEASE_MS, () => work(isHeld));
}

/** Returns the error of work that another process can do by now. */
export function leaseOver(appid: string): TokenError {
  return new TokenError('TIMEOUT', 'the work has outlasted its lease', { appid, retryable: true });
}
