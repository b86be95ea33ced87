import { nextDueAt, type StoredGrant } from '../store/key-document.js';
import type { Storage } from '../store/storage.js';
import { isChangedMeanwhile } from '../store/write-errors.js';
import type { CachedRecord } from './cached-record.js';
import type { Records } from './records.js';

type Parts = Pick<Storage, 'documents' | 'clock'> & { readonly records: Records };

const MAX_ROUNDS = 5;

/**
 * Revokes the tokens that were asked for before this record, and returns the current record. A forced refresh that stores
 * its own token does so by the same write; one that is satisfied by the token of another refresh needs this one.
 *
 * @throws a `TokenError` with code `STORE_UNAVAILABLE`, or one that may be retried.
 */
export async function revokeEarlier(record: CachedRecord, { documents, records, clock }: Parts): Promise<CachedRecord> {
  const { key, obtainedAt } = record;
  if (isRevokedBefore(record.revokedAt, obtainedAt)) return record;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const document = await documents.read(key);
    const { grant } = document;
    // The key was unregistered meanwhile.
    if (grant === undefined) return record;
    const adoption = { source: 'store', announceFirst: false } as const;
    if (isRevokedBefore(document.revokedAt, obtainedAt)) return records.adopt(key, document, grant, adoption);
    const revoked = { ...document, revokedAt: obtainedAt };
    const dueAt = nextDueAt(document, clock.now());
    const version = await documents.save(key, revoked, { hadTask: false, dueAt });
    if (version !== undefined) return records.adopt(key, { ...revoked, version }, grant, adoption);
  }
  throw isChangedMeanwhile(key);
}

/**
 * Returns the instant before which a forced refresh revokes tokens. A clock may have been set back since the replaced token
 * was asked for, which is revoked all the same, as are those that an earlier forced refresh has revoked.
 */
export function revocationBy(
  forced: Pick<StoredGrant, 'obtainedAt'>,
  replaced: Pick<StoredGrant, 'obtainedAt'> | undefined,
  before: number | undefined,
): number {
  return Math.max(forced.obtainedAt, (replaced?.obtainedAt ?? Number.NEGATIVE_INFINITY) + 1, before ?? 0);
}

/** Returns the later one of two revocations; `undefined` if there is none. */
export function latestRevocation(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one;
}

function isRevokedBefore(revokedAt: number | undefined, obtainedAt: number): boolean {
  return revokedAt !== undefined && revokedAt >= obtainedAt;
}
