import { type RawBuilder, sql } from 'kysely';
import type { Database } from './database.js';
import { DOCUMENT_COLUMNS, type DocumentRow, type RowContent, tombstone } from './document-row.js';
import { claimCandidates, type DocumentStatements, isDue, isLeaseFree } from './document-statements.js';
import { SqlFailure, tooLarge } from './sql-failure.js';

/** The length from which a value is compared with the packet limit of the server, because exceeding it closes the connection. */
const LARGE_VALUE = 262_144;
/** The length allowed for the rest of a statement, besides the value. */
const REST_OF_STATEMENT = 8_192;

/**
 * Builds the statements for MySQL and MariaDB, which have no RETURNING. The new version is returned through
 * `last_insert_id`, whose value is part of the result of the statement that sets it.
 */
export class MysqlStatements implements DocumentStatements {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Inserts a document. It first tries an update, because the row usually exists since its lease was acquired, and tries
   * it again if another process inserts the row in the meantime.
   */
  async create(id: string, content: RowContent, owner: string | undefined): Promise<number | undefined> {
    const absent = sql`data is null`;
    await this.#assertFits(content);
    return (
      (await this.#update(id, absent, content, owner)) ??
      (await this.#insert(id, content)) ??
      (await this.#update(id, absent, content, owner))
    );
  }

  async replace(
    id: string,
    expected: number,
    content: RowContent,
    owner: string | undefined,
  ): Promise<number | undefined> {
    await this.#assertFits(content);
    return this.#update(id, sql`version = ${expected} and data is not null`, content, owner);
  }

  /**
   * Acquires the lease, and reads the row to tell whether it was granted. The count of affected rows is not used, because
   * its meaning depends on a setting of the client.
   */
  async lease(id: string, owner: string, ttlMs: number): Promise<DocumentRow | undefined> {
    const { table, words } = this.#database;
    const { dueAt } = tombstone(words.nowMs);
    const isFree = isLeaseFree(words, ttlMs);
    await this.#database.run(sql`
      insert into ${table} (id, version, due_at, changed_at, lease_owner, lease_until)
      values (${id}, 0, ${dueAt}, 0, ${owner}, ${words.nowMs} + ${ttlMs})
      on duplicate key update
        lease_owner = if(${isFree}, ${owner}, lease_owner),
        lease_until = if(${isFree}, ${words.nowMs} + ${ttlMs}, lease_until)`);
    return (await this.#held([id], owner))[0];
  }

  async claim(lanes: readonly string[], limit: number, owner: string, ttlMs: number): Promise<DocumentRow[]> {
    const { table, words } = this.#database;
    const candidates = await this.#database.rows(claimCandidates(this.#database, lanes, limit, ttlMs));
    if (candidates.length === 0) return [];
    const ids = candidates.map(({ id }) => id);
    await this.#database.run(sql`
      update ${table} set lease_owner = ${owner}, lease_until = ${words.nowMs} + ${ttlMs}
      where id in (${sql.join(ids)}) and lane in (${sql.join(lanes)}) and ${isDue(words)} and ${isLeaseFree(words, ttlMs)}
      order by due_at limit ${sql.lit(limit)}`);
    return this.#held(ids, owner);
  }

  #held(ids: readonly string[], owner: string): Promise<DocumentRow[]> {
    return this.#database.rows(sql<DocumentRow>`
      select ${DOCUMENT_COLUMNS} from ${this.#database.table}
      where id in (${sql.join(ids)}) and lease_owner = ${owner}`);
  }

  #update(
    id: string,
    condition: RawBuilder<unknown>,
    content: RowContent,
    owner: string | undefined,
  ): Promise<number | undefined> {
    const { table, words } = this.#database;
    const { data, lane, dueAt } = content;
    return this.#written(sql`
      update ${table} set
        version = last_insert_id(greatest(version + 1, ${words.nowMicros})),
        data = ${data}, lane = ${lane}, due_at = ${dueAt}, changed_at = ${words.nowMs},
        lease_until = if(lease_owner = ${owner ?? null}, 0, lease_until)
      where id = ${id} and ${condition}`);
  }

  async #insert(id: string, content: RowContent): Promise<number | undefined> {
    const { table, words } = this.#database;
    const { data, lane, dueAt } = content;
    try {
      return await this.#written(sql`
        insert into ${table} (id, version, data, lane, due_at, changed_at, lease_until)
        values (${id}, last_insert_id(${words.nowMicros}), ${data}, ${lane}, ${dueAt}, ${words.nowMs}, 0)`);
    } catch (error) {
      if (error instanceof SqlFailure && error.code === 'DUPLICATE') return undefined;
      throw error;
    }
  }

  async #assertFits({ data }: RowContent): Promise<void> {
    if (data === null || data.length < LARGE_VALUE) return;
    const [row] = await this.#database.rows(sql<{ readonly packet: unknown }>`select @@max_allowed_packet as packet`);
    // Drivers escape each of these characters with a backslash.
    const length = data.length + (data.match(/["'\\]/g)?.length ?? 0);
    if (length + REST_OF_STATEMENT <= Number(row?.packet)) return;
    throw tooLarge();
  }

  async #written(statement: RawBuilder<unknown>): Promise<number | undefined> {
    const { numAffectedRows, insertId } = await this.#database.run(statement);
    if (numAffectedRows === 0n) return undefined;
    if (insertId === undefined) throw new SqlFailure('NO_INSERT_ID', 'the driver does not answer with insertId');
    return Number(insertId);
  }
}
