import { type RawBuilder, sql } from 'kysely';
import { FARTHEST_DUE_MS } from '../../core/concurrency/time-limits.js';
import { farthestLeaseEndMs } from '../lease-end.js';
import type { Database } from './database.js';
import type { DocumentRow, RowContent } from './document-row.js';
import type { DialectWords } from './sql-dialect.js';

/** The statements that write documents and take leases; a database that can return what it wrote needs fewer of them. */
export interface DocumentStatements {
  /**
   * Writes a document where there is none.
   *
   * @param owner - whose lease is released by the same write.
   * @returns the new version; `undefined` when there is one.
   */
  create(id: string, content: RowContent, owner: string | undefined): Promise<number | undefined>;
  /** Replaces the document of version `expected`. */
  replace(id: string, expected: number, content: RowContent, owner: string | undefined): Promise<number | undefined>;
  /** Takes the lease if it is free, creating a row for it if need be. */
  lease(id: string, owner: string, ttlMs: number): Promise<DocumentRow | undefined>;
  /** Takes the leases of documents that are due and not leased, the earliest ones. */
  claim(lanes: readonly string[], limit: number, owner: string, ttlMs: number): Promise<DocumentRow[]>;
}

/** Releases a lease; changes nothing when another process holds it. */
export async function releaseLease(database: Database, id: string, owner: string): Promise<void> {
  await database.run(sql`update ${database.table} set lease_until = 0 where id = ${id} and lease_owner = ${owner}`);
}

/**
 * The number of candidates that a claim looks at for each one wanted, so that those who claim at once all find some.
 */
const CANDIDATES_PER_CLAIM = 4;

/** Returns the documents that a claim may take, the earliest of all lanes, found lane by lane in the index. */
export function claimCandidates(
  { table, words }: Database,
  lanes: readonly string[],
  limit: number,
  ttlMs: number,
): RawBuilder<{ readonly id: string }> {
  const earliest = sql`order by due_at limit ${sql.lit(limit * CANDIDATES_PER_CLAIM)}`;
  // One range of the index each: a database that is asked for either of them reads neither.
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

/** Returns whether a document is due: what is due too far ahead was written before the database's clock was set back. */
export function isDue(words: DialectWords): RawBuilder<boolean> {
  return sql`(due_at + 0 <= ${words.nowMs} or due_at + 0 > ${words.nowMs} + ${sql.lit(FARTHEST_DUE_MS)})`;
}

function isTooFarAhead(words: DialectWords): RawBuilder<boolean> {
  return sql`due_at > ${words.nowMs} + ${sql.lit(FARTHEST_DUE_MS)}`;
}

/**
 * Returns whether a lease can be taken by one who asks for `ttlMs`.
 *
 * @param table - by which name the column is to be qualified.
 */
export function isLeaseFree(words: DialectWords, ttlMs: number, table = ''): RawBuilder<boolean> {
  const until = sql.raw(`${table}lease_until`);
  const farthestMs = sql.lit(farthestLeaseEndMs(ttlMs));
  return sql`(${until} <= ${words.nowMs} or ${until} > ${words.nowMs} + ${farthestMs})`;
}
