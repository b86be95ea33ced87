import { type RawBuilder, sql } from 'kysely';
import type { Database } from './database.js';
import { DOCUMENT_COLUMNS, type DocumentRow, type RowContent, tombstone } from './document-row.js';
import { claimCandidates, type DocumentStatements, isDue, isLeaseFree } from './document-statements.js';

interface VersionRow {
  readonly version: number | string | bigint;
}

/** Builds the statements for PostgreSQL and SQLite, where each operation is one statement. */
export class ReturningStatements implements DocumentStatements {
  readonly #database: Database;
  readonly #notify: RawBuilder<unknown>;
  readonly #skipLocked: RawBuilder<unknown>;

  /** @param channel - the channel on which PostgreSQL notifies of writes. */
  constructor(database: Database, channel: string | undefined) {
    this.#database = database;
    this.#notify = channel === undefined ? sql`` : sql`, pg_notify(${channel}, '')`;
    this.#skipLocked = sql.raw(database.dialect === 'postgres' ? 'for update skip locked' : '');
  }

  create(id: string, content: RowContent, owner: string | undefined): Promise<number | undefined> {
    const { table, words } = this.#database;
    const { data, lane, dueAt } = content;
    return this.#written(sql<VersionRow>`
      insert into ${table} as stored (id, version, data, lane, due_at, changed_at, lease_owner, lease_until)
      values (${id}, ${words.nowMicros}, ${data}, ${lane}, ${dueAt}, ${words.nowMs}, null, 0)
      on conflict (id) do update set
        version = ${words.greatest}(stored.version + 1, excluded.version),
        data = excluded.data, lane = excluded.lane, due_at = excluded.due_at, changed_at = excluded.changed_at,
        lease_until = case when stored.lease_owner = ${owner ?? null} then 0 else stored.lease_until end
      where stored.data is null
      returning version${this.#notify}`);
  }

  replace(id: string, expected: number, content: RowContent, owner: string | undefined): Promise<number | undefined> {
    const { table, words } = this.#database;
    const { data, lane, dueAt } = content;
    return this.#written(sql<VersionRow>`
      update ${table} set
        version = ${words.greatest}(version + 1, ${words.nowMicros}),
        data = ${data}, lane = ${lane}, due_at = ${dueAt}, changed_at = ${words.nowMs},
        lease_until = case when lease_owner = ${owner ?? null} then 0 else lease_until end
      where id = ${id} and version = ${expected} and data is not null
      returning version${this.#notify}`);
  }

  async lease(id: string, owner: string, ttlMs: number): Promise<DocumentRow | undefined> {
    const { table, words } = this.#database;
    const { dueAt } = tombstone(words.nowMs);
    const [row] = await this.#database.rows(sql<DocumentRow>`
      insert into ${table} as stored (id, version, due_at, changed_at, lease_owner, lease_until)
      values (${id}, 0, ${dueAt}, 0, ${owner}, ${words.nowMs} + ${ttlMs})
      on conflict (id) do update set lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
      where ${isLeaseFree(words, ttlMs, 'stored.')}
      returning ${DOCUMENT_COLUMNS}`);
    return row;
  }

  /**
   * Claims documents. The conditions on the candidates are written so that no index applies. With outdated statistics, a
   * plan that searched an index again for each candidate would read all due rows each time.
   */
  claim(lanes: readonly string[], limit: number, owner: string, ttlMs: number): Promise<DocumentRow[]> {
    const { table, words } = this.#database;
    return this.#database.rows(sql<DocumentRow>`
      with candidates (candidate_id) as materialized (${claimCandidates(this.#database, lanes, limit, ttlMs)}),
      picked (picked_id) as (
        select id from ${table} where id in (select candidate_id from candidates)
          and lane || '' in (${sql.join(lanes)}) and ${isDue(words)} and ${isLeaseFree(words, ttlMs)}
        order by due_at + 0 limit ${sql.lit(limit)} ${this.#skipLocked})
      update ${table} set lease_owner = ${owner}, lease_until = ${words.nowMs} + ${ttlMs}
      from picked where id = picked_id
      returning ${DOCUMENT_COLUMNS}`);
  }

  async #written(statement: RawBuilder<VersionRow>): Promise<number | undefined> {
    const [row] = await this.#database.rows(statement);
    return row && Number(row.version);
  }
}
