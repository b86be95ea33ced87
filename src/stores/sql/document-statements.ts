import { type RawBuilder, sql } from 'kysely';
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

/** Gives a lease back; changes nothing when somebody else holds it. */
export async function releaseLease(database: Database, id: string, owner: string): Promise<void> {
  await database.run(sql`update ${database.table} set lease_until = 0 where id = ${id} and lease_owner = ${owner}`);
}

/** How many times as many candidates as wanted a claim looks at, so that those who claim at once all find some. */
const CANDIDATES_PER_CLAIM = 4;

/** Documents that a claim may take, the earliest of all lanes, found lane by lane in the index. */
export function claimCandidates(
  { table, words }: Database,
  lanes: readonly string[],
  limit: number,
): RawBuilder<{ readonly id: string }> {
  const earliest = sql`order by due_at limit ${sql.lit(limit * CANDIDATES_PER_CLAIM)}`;
  const byLane = lanes.map(
    (lane) => sql`select * from (
      select id, due_at from ${table} where lane = ${lane} and ${isClaimable(words)} ${earliest}) as in_lane`,
  );
  return sql`select id from (${sql.join(byLane, sql` union all `)}) as candidates ${earliest}`;
}

export function isClaimable(words: DialectWords): RawBuilder<boolean> {
  return sql`due_at <= ${words.nowMs} and lease_until <= ${words.nowMs}`;
}
