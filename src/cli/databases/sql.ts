import type { Dialect } from 'kysely';
import type { TokenStore } from '../../core/model/store.js';
import type { SqlStore } from '../../stores/sql/index.js';
import type { SqlLocation } from '../args/store-location.js';
import { StartFailure } from '../failures/start-failure.js';
import { asUsage } from '../failures/usage-error.js';
import { PROGRAM } from '../output/help.js';
import { type Alternatives, assertInstalled, loadDriver } from './installed-package.js';
import { findKysely } from './kysely.js';
import { mysqlPool } from './mysql.js';
import { postgresPool } from './postgres.js';
import { openSqlite, SQLITE_DRIVERS, sqliteDriver } from './sqlite.js';

/** A store in SQL with the function that closes its connections. */
interface Opened {
  readonly store: SqlStore;
  readonly end: () => Promise<void>;
}

type KyselyModule = typeof import('kysely');

const KYSELY: Alternatives = ['kysely'];
const DRIVERS: Readonly<Record<SqlLocation['kind'], { readonly what: string; readonly names: Alternatives }>> = {
  postgres: { what: '--store: PostgreSQL', names: ['pg'] },
  mysql: { what: '--store: MySQL', names: ['mysql2'] },
  sqlite: { what: '--store: SQLite', names: SQLITE_DRIVERS },
};

/**
 * Opens the store in a table, which is created if it does not exist.
 *
 * @throws UsageError when a package is not installed, or the name of the table is invalid; StartFailure when the table
 *   cannot be created; and any error of the store.
 */
export async function openSqlStore(location: SqlLocation): Promise<TokenStore> {
  const { store, end } = await connect(location);
  try {
    await prepareTable(store, location);
  } catch (error) {
    await store.close();
    await end();
    throw error;
  }
  return closingAfter(store, end);
}

async function connect(location: SqlLocation): Promise<Opened> {
  const { what, names } = DRIVERS[location.kind];
  assertInstalled(what, [KYSELY, names]);
  findKysely();
  const [kyselyModule, { SqlStore }] = await Promise.all([import('kysely'), import('../../stores/sql/index.js')]);
  const kysely = new kyselyModule.Kysely({ dialect: dialectFor(location, kyselyModule) });
  const { name: table } = location;
  const store = asUsage(
    () => new SqlStore(kysely, table === undefined ? {} : { table }),
    (message) => `--store: ${message}`,
  );
  return { store, end: () => kysely.destroy() };
}

function dialectFor(location: SqlLocation, { MysqlDialect, PostgresDialect, SqliteDialect }: KyselyModule): Dialect {
  if (location.kind === 'sqlite') {
    const open = sqliteDriver();
    return new SqliteDialect({ database: async () => openSqlite(open, location.path) });
  }
  const module = loadDriver(DRIVERS[location.kind].names[0]);
  if (location.kind === 'mysql') return new MysqlDialect({ pool: mysqlPool(module, location.url) });
  return new PostgresDialect({ pool: postgresPool(module, location.url) });
}

async function prepareTable(store: SqlStore, location: SqlLocation): Promise<void> {
  try {
    await store.now();
  } catch (error) {
    if (!hasCode(error, ['TABLE_MISSING', 'TABLE_UNFIT'])) throw error;
    await createTable(store, location);
  }
}

async function createTable(store: SqlStore, { kind, name, shown }: SqlLocation): Promise<void> {
  try {
    await store.migrate();
    await store.now();
  } catch (error) {
    if (!hasCode(error, ['ACCESS_DENIED'])) throw error;
    const command = [PROGRAM, 'ddl', kind, ...(name === undefined ? [] : [name])].join(' ');
    throw new StartFailure(
      `the store ${shown} cannot be used: this user may not create its table; have a user with that right run what "${command}" prints`,
    );
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return codes.includes(String((error as { readonly code?: unknown }).code));
}

/** Returns the store, extended so that its connections are closed after it. */
function closingAfter(store: SqlStore, end: () => Promise<void>): SqlStore {
  const close = store.close.bind(store);
  store.close = async () => {
    try {
      await close();
    } finally {
      await end();
    }
  };
  return store;
}
