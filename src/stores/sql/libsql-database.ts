import type { SqliteDatabase } from 'kysely';

type Statement = ReturnType<SqliteDatabase['prepare']>;

/**
 * The part of a database of `libsql` that {@link libsqlDatabase} uses.
 *
 * @public
 */
export interface LibsqlDatabase extends SqliteDatabase {
  readonly inTransaction: boolean;
  exec(text: string): unknown;
}

const READS = /^\s*(?:select|values|explain|pragma)\b/i;
const CONTROLS = /^\s*(?:begin|commit|end|rollback|savepoint|release)\b/i;

/**
 * Returns a database of `libsql` as Kysely may use it:
 * `new SqliteDialect({ database: libsqlDatabase(new Database(path)) })`.
 *
 * `libsql` (0.5) leaves a prepared statement that has failed with `SQLITE_BUSY` in progress until it is collected as garbage;
 * until then nothing that the connection writes is committed, though it seems to be, and what it reads is out of date. What
 * it runs by `exec` ends, so here each write begins and commits by `exec`, and only that can find the database busy.
 * `better-sqlite3` and `node:sqlite` have no such trouble and need none of this.
 *
 * @param database - with its pragmas set. It is closed with the result.
 *
 * @example
 * ```ts
 * import Database from 'libsql';
 *
 * const database = new Database('tokens.db');
 * database.pragma('busy_timeout = 500');
 * database.pragma('journal_mode = WAL');
 * const kysely = new Kysely({ dialect: new SqliteDialect({ database: libsqlDatabase(database) }) });
 * ```
 *
 * @public
 */
export function libsqlDatabase(database: LibsqlDatabase): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(text) {
      if (CONTROLS.test(text)) return control(database, text);
      const statement = database.prepare(text);
      return READS.test(text) ? statement : write(database, statement);
    },
  };
}

function control(database: LibsqlDatabase, text: string): Statement {
  const none = (): [] => {
    database.exec(text);
    return [];
  };
  return {
    reader: false,
    all: none,
    iterate: () => none().values(),
    run() {
      none();
      return { changes: 0, lastInsertRowid: 0 };
    },
  };
}

function write(database: LibsqlDatabase, statement: Statement): Statement {
  const committed = <Result>(work: () => Result): Result => {
    if (database.inTransaction) return work();
    database.exec('begin immediate');
    try {
      const result = work();
      database.exec('commit');
      return result;
    } catch (error) {
      if (database.inTransaction) database.exec('rollback');
      throw error;
    }
  };
  return {
    reader: statement.reader,
    all: (parameters) => committed(() => statement.all(parameters)),
    run: (parameters) => committed(() => statement.run(parameters)),
    // The rows are read at once, because the caller may stop before the last one.
    iterate: (parameters) => committed(() => statement.all(parameters)).values(),
  };
}
