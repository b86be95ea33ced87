import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SqliteDatabase } from 'kysely';
import { fileFailure } from '../../stores/file/file-failure.js';
import { type LibsqlDatabase, libsqlDatabase } from '../../stores/sql/libsql-database.js';
import { StartFailure } from '../failures/start-failure.js';
import { type Alternatives, loaderOf } from './installed-package.js';

interface NodeSqlite {
  prepare(sql: string): NodeStatement;
  close(): void;
}

interface NodeStatement {
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
}

type Open = (path: string) => SqliteDatabase;

const LIBSQL = 'libsql';
const NODE = 'node:sqlite';
/** The drivers for SQLite. Installed packages come before the module of Node. */
export const SQLITE_DRIVERS: Alternatives = ['better-sqlite3', LIBSQL, NODE];
/** The functions that create an `Open` from a driver's module, for the drivers that differ from `better-sqlite3`. */
const OPENERS: Readonly<Record<string, (module: unknown) => Open>> = { [LIBSQL]: openerOfLibsql, [NODE]: openerOfNode };

/**
 * The time for which a statement waits for a lock. It is short because it blocks the process; the store itself retries
 * for longer.
 */
const BUSY_MS = 100;
// With a setting below `full`, the last writes could be lost at a power failure.
const SETTINGS = [`busy_timeout = ${BUSY_MS}`, 'journal_mode = wal', 'synchronous = full'];

/**
 * Opens the database file. A new file can only be read by its owner.
 *
 * @param open - a function that `sqliteDriver` has returned.
 */
export function openSqlite(open: Open, path: string): SqliteDatabase {
  makeFile(path);
  const database = open(path);
  try {
    for (const setting of SETTINGS) {
      const statement = database.prepare(`pragma ${setting}`);
      if (statement.reader) statement.all([]);
      else statement.run([]);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Creates the file if it does not exist.
 *
 * @throws FileFailure naming what the file system refused.
 */
function makeFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/**
 * Returns the first installed driver that works on this machine.
 *
 * @throws StartFailure when one is installed and none works.
 */
export function sqliteDriver(): Open {
  let broken = '';
  for (const name of SQLITE_DRIVERS) {
    const load = loaderOf(name);
    if (load === undefined) continue;
    try {
      const open = (OPENERS[name] ?? openerOf)(load(name));
      // Opening a database loads the native part of the driver, which may be missing for this platform.
      open(':memory:').close();
      return open;
    } catch {
      broken ||= name;
    }
  }
  throw new StartFailure(`the package ${broken} does not work with this Node: reinstall it`);
}

function openerOf(module: unknown): Open {
  const Database = module as new (path: string) => SqliteDatabase;
  return (path) => new Database(path);
}

function openerOfLibsql(module: unknown): Open {
  const open = openerOf(module);
  return (path) => libsqlDatabase(open(path) as LibsqlDatabase);
}

function openerOfNode(module: unknown): Open {
  const { DatabaseSync } = module as { readonly DatabaseSync: new (path: string) => NodeSqlite };
  return (path) => likeBetterSqlite(new DatabaseSync(path));
}

function likeBetterSqlite(database: NodeSqlite): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        reader: /^\s*(?:select|with|pragma)\b|\breturning\b/i.test(sql),
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      };
    },
  };
}
