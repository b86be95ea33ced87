import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, MysqlDialect, PostgresDialect, SqliteDialect } from 'kysely';
import LibSql from 'libsql';
import mysql from 'mysql2';
import pg from 'pg';
import { libsqlDatabase, type SqlDialect } from '../../../src/stores/sql/index.js';
import { hasMariadb, startMariadb } from './mariadb-server.js';
import { hasPostgres, startPostgres } from './postgres-server.js';

/** A database that tests can connect to as often as they want. */
export interface SqlDatabase extends AsyncDisposable {
  readonly dialect: SqlDialect;
  /** Connects as another process would. Connections are closed with the database. */
  connect(): Kysely<unknown>;
}

interface SqlDatabaseKind {
  readonly name: string;
  readonly isHere: () => boolean;
  readonly isServer: boolean;
  start(): Promise<SqlDatabase>;
}

/** The databases that this machine may have, for `describe.each`. */
export const SQL_DATABASES: readonly SqlDatabaseKind[] = [
  { name: 'PostgreSQL', isHere: hasPostgres, isServer: true, start: postgresDatabase },
  { name: 'MariaDB', isHere: hasMariadb, isServer: true, start: mariadbDatabase },
  { name: 'SQLite', isHere: () => true, isServer: false, start: sqliteDatabase },
];

export function connectPostgres(config: pg.PoolConfig): Kysely<unknown> {
  const pool = new pg.Pool({ max: 5, ...config });
  // The pool discards broken connections; without listeners they would end the process, idle or in use.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}

export function connectMariadb(config: mysql.PoolOptions): Kysely<unknown> {
  return new Kysely({ dialect: new MysqlDialect({ pool: mysql.createPool({ connectionLimit: 5, ...config }) }) });
}

export function connectSqlite(path: string, busyTimeoutMs = 500): Kysely<unknown> {
  const database = new LibSql(path);
  database.pragma(`busy_timeout = ${busyTimeoutMs}`);
  database.pragma('journal_mode = WAL');
  return new Kysely({ dialect: new SqliteDialect({ database: libsqlDatabase(database) }) });
}

/** Returns the same database, awaiting `hook` before each statement. */
export function beforeStatements(kysely: Kysely<unknown>, hook: () => unknown): Kysely<unknown> {
  const executor = kysely.getExecutor();
  return new Proxy(kysely, {
    get: (target, name) => {
      if (name === 'withoutPlugins') return () => beforeStatements(target.withoutPlugins(), hook);
      if (name === 'getExecutor') {
        return () =>
          new Proxy(executor, {
            get: (inner, property) => {
              if (property === 'executeQuery') {
                return async (...args: Parameters<typeof executor.executeQuery>) => {
                  await hook();
                  return inner.executeQuery(...args);
                };
              }
              const value: unknown = Reflect.get(inner, property, inner);
              return typeof value === 'function' ? value.bind(inner) : value;
            },
          });
      }
      return Reflect.get(target, name, target);
    },
  });
}

async function postgresDatabase(): Promise<SqlDatabase> {
  const server = await startPostgres();
  return connecting('postgres', () => connectPostgres(server.connection), server);
}

async function mariadbDatabase(): Promise<SqlDatabase> {
  const server = await startMariadb();
  return connecting('mysql', () => connectMariadb(server.connection), server);
}

async function sqliteDatabase(): Promise<SqlDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'sqlite-'));
  return connecting('sqlite', () => connectSqlite(join(directory, 'tokens.db')), {
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  });
}

function connecting(dialect: SqlDialect, connect: () => Kysely<unknown>, server: AsyncDisposable): SqlDatabase {
  const connections: Kysely<unknown>[] = [];
  return {
    dialect,
    connect: () => {
      const connection = connect();
      connections.push(connection);
      return connection;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(connections.map((connection) => connection.destroy()));
      await server[Symbol.asyncDispose]();
    },
  };
}
