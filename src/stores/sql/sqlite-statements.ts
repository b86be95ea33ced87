import { sql } from 'kysely';
import type { Database } from './database.js';
import type { DocumentRow } from './document-row.js';
import { claimCandidates, isLeaseFree } from './document-statements.js';
import { ReturningStatements } from './returning-statements.js';

/**
 * Builds the statements for SQLite, where only one statement at a time can write to the file, and even one without any
 * effect blocks all others. A read, which needs no lock, therefore checks first whether there is anything to write.
 */
export class SqliteStatements extends ReturningStatements {
  readonly #database: Database;

  constructor(database: Database) {
    super(database, undefined);
    this.#database = database;
  }

  override async lease(id: string, owner: string, ttlMs: number): Promise<DocumentRow | undefined> {
    const { table, words } = this.#database;
    const held = await this.#database.rows(
      sql`select 1 from ${table} where id = ${id} and not ${isLeaseFree(words, ttlMs)}`,
    );
    return held.length > 0 ? undefined : super.lease(id, owner, ttlMs);
  }

  override async claim(lanes: readonly string[], limit: number, owner: string, ttlMs: number): Promise<DocumentRow[]> {
    const due = await this.#database.rows(claimCandidates(this.#database, lanes, 1, ttlMs));
    return due.length === 0 ? [] : super.claim(lanes, limit, owner, ttlMs);
  }
}
