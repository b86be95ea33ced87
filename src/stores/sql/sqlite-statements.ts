import { sql } from 'kysely';
import type { Database } from './database.js';
import type { DocumentRow } from './document-row.js';
import { claimCandidates, isLeaseFree } from './document-statements.js';
import { ReturningStatements } from './returning-statements.js';

/**
 * Makes the statements for SQLite, where one statement at a time writes anywhere in the file, and one that finds nothing to
 * write has locked all others out as well: a read, which takes no lock, checks first whether there is anything to write.
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
