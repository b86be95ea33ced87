import { type RawBuilder, sql } from 'kysely';
import { FARTHEST_DUE_MS } from '../../core/concurrency/time-limits.js';
import { farthestLeaseEndMs } from '../lease-end.js';
import type { Database } from './database.js';
import type { DocumentRow, RowContent } from './document-row.js';
import type { DialectWords } from './sql-dialect.js';

/** The statements that write documents and acquire leases. A database with RETURNING needs fewer of them. */
export interface DocumentStatements {
  /**
   * Inserts a document if there is none.
   *
   * @param owner - the owner of a lease that the same statement releases.
   * @returns the new version; `undefined` if there is a document.
   */
  create(id: string, content: RowContent, owner: string | undefined): Promise<number | undefined>;
  /** Replaces the document of version `expected`. */
  replace(id: string, expected: number, content: RowContent, owner: string | undefined): Promise<number | undefined>;
  /** Acquires the lease if it is free, and inserts a row for it if necessary. */
  lease(id: string, owner: string, ttlMs: number): Promise<DocumentRow | undefined>;
  /** Acquires the leases of the earliest documents that are due and not leased. */
  claim(lanes: readonly string[], limit: number, owner: string, ttlMs: number): Promise<DocumentRow[]>;
}

/** Releases a lease. If another process holds it, nothing changes. */
export async function releaseLease(database: Database, id: string, owner: string): Promise<void> {
  await database.run(sql`update ${database.table} set lease_until = 0 where id = ${id} and lease_owner = ${owner}`);
}

/** The number of candidates for each document to claim, so that concurrent claims all find some. */
const CANDIDATES_PER_CLAIM = 4;

/** Returns the documents that a claim may take: the earliest of all lanes, which are searched lane by lane in the index. */
export function claimCandidates(
  { table, words }: Database,
  lanes: readonly string[],
  limit: number,
  ttlMs: number,
): RawBuilder<{ readonly id: string }> {
  const earliest = sql`order by due_at limit ${sql.lit(limit * CANDIDATES_PER_CLAIM)}`;
  // Each condition is a separate range of the index. For a single query with `or`, databases use neither range.
  const ranges = [sql`due_at <= ${words.nowMs}`, isTooFarAhead(words)];
  const byLane = lanes.flatMap((lane) =>
    ranges.map(
      (range) => sql`select * from (
        select id, due_at from ${table}
        where lane = ${lane} and ${range} and ${isLeaseFree(words, ttlMs)} ${earliest}) as in_lane`,
    ),
  );
  return sql`select id from (${sql.join(byLane, sql` union all `)}) as candidates ${earliest}`;
}

/**
 * Returns whether a document is due. A due time too far in the future was written before the database's clock was set
 * back, and counts as due.
 */
export function isDue(words: DialectWords): RawBuilder<boolean> {
  return sql`(due_at + 0 <= ${words.nowMs} or due_at + 0 > ${words.nowMs} + ${sql.lit(FARTHEST_DUE_MS)})`;
}

function isTooFarAhead(words: DialectWords): RawBuilder<boolean> {
  return sql`due_at > ${words.nowMs} + ${sql.lit(FARTHEST_DUE_MS)}`;
}

/**
 * Returns whether a lease can be acquired for `ttlMs`.
 *
 * @param table - the name with which the column is qualified.
 */
export function isLeaseFree(words: DialectWords, ttlMs: number, table = ''): RawBuilder<boolean> {
  const until = sql.raw(`${table}lease_until`);
  const farthestMs = sql.lit(farthestLeaseEndMs(ttlMs));
  return sql`(${until} <= ${words.nowMs} or ${until} > ${words.nowMs} + ${farthestMs})`;
}
