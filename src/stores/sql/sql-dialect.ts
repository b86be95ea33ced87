import { MysqlAdapter, PostgresAdapter, type RawBuilder, SqliteAdapter, sql } from 'kysely';

/**
 * The kinds of databases that `SqlStore` speaks to; MariaDB counts as `mysql`.
 *
 * @public
 */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite';

/** The expressions that differ between the databases. */
export interface DialectWords {
  /** The database's clock as a statement begins, in epoch milliseconds, whatever the time zone of the session. */
  readonly nowMs: RawBuilder<number>;
  readonly nowMicros: RawBuilder<number>;
  /** The function that returns the greater of two numbers. */
  readonly greatest: RawBuilder<unknown>;
  /** Settings of the session that decide how it reads what is sent, and whether it keeps that. */
  readonly settings: RawBuilder<string>;
}

// `statement_timestamp`, not `clock_timestamp`: within a statement it is constant, so that it can be looked up in an index.
const POSTGRES_EPOCH = 'extract(epoch from statement_timestamp())';
// `utc_timestamp`, not `sysdate`: what a replica repeats has the same time. The first argument is no instant but a plain date.
const MYSQL_MICROS = "timestampdiff(microsecond, timestamp'1970-01-01 00:00:00', utc_timestamp(6))";
// Days in floating point, exact to 0.04 ms: rounded, they are the milliseconds that SQLite counts in.
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
 * Returns the dialect of Kysely's adapter or of one derived from it, by name too: there may be two copies of Kysely.
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
