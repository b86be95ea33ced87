import { MysqlAdapter, PostgresAdapter, type RawBuilder, SqliteAdapter, sql } from 'kysely';

/**
 * The kinds of databases that `SqlStore` speaks to; MariaDB counts as `mysql`.
 *
 * @public
 */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite';

/** The expressions that differ between the databases. */
export interface DialectWords {
  /** The time of the database in epoch milliseconds at the start of the statement, independent of the session's time zone. */
  readonly nowMs: RawBuilder<number>;
  readonly nowMicros: RawBuilder<number>;
  /** The function that returns the greater of two numbers. */
  readonly greatest: RawBuilder<unknown>;
  /** The settings of the session that determine how the server interprets input, and whether it commits it. */
  readonly settings: RawBuilder<string>;
}

// `statement_timestamp` is constant within a statement, unlike `clock_timestamp`, so that it can be used with an index.
const POSTGRES_EPOCH = 'extract(epoch from statement_timestamp())';
// `utc_timestamp`, unlike `sysdate`, has the same value when a replica repeats the statement. The first argument is a
// date without a time zone.
const MYSQL_MICROS = "timestampdiff(microsecond, timestamp'1970-01-01 00:00:00', utc_timestamp(6))";
// SQLite returns days as a floating-point number, exact to 0.04 ms. Rounding yields the milliseconds in which SQLite counts.
const SQLITE_MS = "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)";

export const DIALECTS: Readonly<Record<SqlDialect, DialectWords>> = {
  postgres: {
    nowMs: sql.raw(`floor(${POSTGRES_EPOCH} * 1000)::bigint`),
    nowMicros: sql.raw(`floor(${POSTGRES_EPOCH} * 1000000)::bigint`),
    greatest: sql.raw('greatest'),
    settings: sql.raw("''"),
  },
  mysql: {
    nowMs: sql.raw(`${MYSQL_MICROS} div 1000`),
    nowMicros: sql.raw(MYSQL_MICROS),
    greatest: sql.raw('greatest'),
    settings: sql.raw("concat(@@sql_mode, if(@@autocommit, '', ',NO_AUTOCOMMIT'))"),
  },
  sqlite: {
    nowMs: sql.raw(SQLITE_MS),
    nowMicros: sql.raw(`(${SQLITE_MS} * 1000)`),
    greatest: sql.raw('max'),
    settings: sql.raw("''"),
  },
};

const ADAPTERS = { postgres: PostgresAdapter, mysql: MysqlAdapter, sqlite: SqliteAdapter };

export function isSqlDialect(value: unknown): value is SqlDialect {
  return typeof value === 'string' && Object.hasOwn(DIALECTS, value);
}

/**
 * Returns the dialect of Kysely's adapter or of one derived from it. It is also recognized by name, because there may be
 * two copies of Kysely.
 */
export function dialectOf(adapter: unknown): SqlDialect | undefined {
  for (const dialect of Object.keys(ADAPTERS).filter(isSqlDialect)) {
    if (adapter instanceof ADAPTERS[dialect]) return dialect;
    if (ancestorNames(adapter).includes(ADAPTERS[dialect].name)) return dialect;
  }
  return undefined;
}

function ancestorNames(adapter: unknown): string[] {
  const names: string[] = [];
  let ancestor: unknown = adapter;
  while (typeof ancestor === 'object' && ancestor !== null) {
    ancestor = Object.getPrototypeOf(ancestor);
    names.push((ancestor as { constructor?: { name?: string } } | null)?.constructor?.name ?? '');
  }
  return names;
}
