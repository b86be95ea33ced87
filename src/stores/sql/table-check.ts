import { sql } from 'kysely';
import type { Database } from './database.js';
import { SqlFailure } from './sql-failure.js';
import { FORMAT, FORMAT_ID, TABLE_COLUMNS, tableStatements } from './table.js';

interface FormatRow {
  readonly version: number | string | bigint;
  readonly settings: string;
}

const MAX_ROUNDS = 10;

/**
 * Rejects if the table is missing or belongs to another release, and if the database would misinterpret input or not
 * commit it.
 */
export async function checkTable(database: Database): Promise<void> {
  if (await hasFormat(database)) return;
  const remedy = 'run the statements of "wechat-token-manager ddl", or migrate() of the SqlStore';
  throw new SqlFailure('TABLE_UNFIT', `the table has no row with its format: ${remedy}`);
}

/** Creates what is missing. It is retried, because concurrent creations can interfere with each other. */
export async function createTable(database: Database, table: string): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      if (await hasFormat(database)) return;
    } catch (error) {
      if (!hasCode(error, ['TABLE_MISSING'])) throw error;
    }
    try {
      for (const statement of tableStatements(database.dialect, table)) await database.run(sql.raw(statement));
    } catch (error) {
      if (round === MAX_ROUNDS || !hasCode(error, ['DUPLICATE', 'TABLE_EXISTS'])) throw error;
    }
  }
}

async function hasFormat(database: Database): Promise<boolean> {
  const [row] = await database.rows(sql<FormatRow>`
    select ${TABLE_COLUMNS}, ${database.words.settings} as settings
    from ${database.table} where id = ${FORMAT_ID}`);
  if (row === undefined) return false;
  if (Number(row.version) !== FORMAT) {
    const message = `the table has format ${Number(row.version)}; this release reads format ${FORMAT}`;
    throw new SqlFailure('TABLE_UNFIT', message);
  }
  if (String(row.settings).includes('NO_BACKSLASH_ESCAPES')) {
    const message = 'sql_mode must not have NO_BACKSLASH_ESCAPES: drivers escape strings with backslashes';
    throw new SqlFailure('SQL_MODE', message);
  }
  if (String(row.settings).includes('NO_AUTOCOMMIT')) {
    const message = 'autocommit must be on in the sessions of this store: without it the writes are never committed';
    throw new SqlFailure('NO_AUTOCOMMIT', message);
  }
  return true;
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof SqlFailure && codes.includes(error.code);
}
