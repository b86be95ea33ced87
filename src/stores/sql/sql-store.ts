import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import { type Clock, systemClock } from '../../core/concurrency/clock.js';
import type { Due, Lease, StoredDocument, TokenStore } from '../../core/model/store.js';
import { readFields } from '../../core/primitives/assert-options.js';
import { hasMethods } from '../../core/primitives/foreign-objects.js';
import type { JsonObject } from '../../core/primitives/json.js';
import { describeKind, describeWord } from '../../core/primitives/redact.js';
import { assertId, assertPrefix } from '../document-id.js';
import { Database } from './database.js';
import { type DocumentRow, documentOf, rowContent, tombstone } from './document-row.js';
import { type DocumentStatements, releaseLease } from './document-statements.js';
import { GarbageCollection } from './garbage-collection.js';
import { assertLane } from './lane.js';
import { ListeningWatch } from './listening-watch.js';
import { MysqlStatements } from './mysql-statements.js';
import { listDocuments, readChanges, readDocuments, readNow } from './queries.js';
import { ReturningStatements } from './returning-statements.js';
import { dialectOf, isSqlDialect, type SqlDialect } from './sql-dialect.js';
import { SqliteStatements } from './sqlite-statements.js';
import { assertTable, DEFAULT_TABLE } from './table.js';
import { checkTable, createTable } from './table-check.js';

/**
 * The options of `new SqlStore(kysely, options)`.
 *
 * @public
 */
export interface SqlStoreOptions {
  /**
   * The name of the table. Processes that use the same database and table form a fleet.
   *
   * @defaultValue `'wechat_token_manager'`
   * @bounds at most 50 letters, digits and `_`, with or without a schema and a dot before it
   */
  readonly table?: string;
  /**
   * The dialect that the database speaks.
   *
   * @defaultValue derived from the dialect of Kysely
   * @bounds `'postgres'`, `'mysql'` (MariaDB too) or `'sqlite'`
   */
  readonly dialect?: SqlDialect;
  /**
   * Listens to a channel of PostgreSQL, so that changes by other processes are noticed at once.
   *
   * It listens to `channel`, a plain lower-case name, and calls `notified` for each notification; it resolves to a function
   * that ends it. It takes a connection of its own, and a notification with each write. When that connection is lost, changes
   * are found by polling, within half a second, until it is restored. If it rejects, the start of the manager fails.
   *
   * @defaultValue none: the store looks for changes twice a second
   * @bounds a function, on PostgreSQL alone
   *
   * @example
   * ```ts
   * const listen = async (channel: string, notified: () => void) => {
   *   const client = new Client(connection);
   *   client.on('notification', notified).on('error', () => undefined);
   *   await client.connect();
   *   await client.query(`LISTEN ${channel}`);
   *   return () => client.end();
   * };
   * ```
   */
  readonly listen?: (channel: string, notified: () => void) => Promise<() => Promise<void>>;
  /**
   * The clock whose timers make the store look for changes every half second. The time of the store is that of the database.
   *
   * @defaultValue `systemClock`
   */
  readonly clock?: Clock;
}

/**
 * Keeps documents in one table of PostgreSQL, MySQL (8), MariaDB (10.5) or SQLite (3.35), through Kysely and its driver
 * of your choice. The table is shared by all processes that use it; all time is the database's.
 *
 * Call {@link SqlStore.migrate} once before the first use, or run the statements of {@link tableDefinition}. The Kysely
 * instance stays yours: destroy it after the manager is closed. Each operation is one to three statements, none of them in
 * a transaction; it needs the primary, because a replica that lags answers with what was.
 *
 * - `pg` reports lost connections by events that end the process unless they have a listener. Listen to both, of idle
 *   connections and of those in use: `pool.on('error', ignore).on('connect', (client) => client.on('error', ignore))`.
 * - SQLite is for processes on one machine. Set `journal_mode = WAL`, `synchronous = FULL` (without it a power
 *   cut can take the last writes back) and a `busy_timeout` of at most a second. Give `libsql` to Kysely by
 *   {@link libsqlDatabase}.
 * - What Kysely logs of queries holds their parameters, and so tokens.
 *
 * Methods reject with an error named `SqlFailure`, whose code is a word of this store's (`TABLE_MISSING`, `READ_ONLY`,
 * `ACCESS_DENIED`, `UNREACHABLE`, ...) or the database's own, and whose message ends with what the database said. It never
 * holds statements or values.
 *
 * @example
 * ```ts
 * const kysely = new Kysely({ dialect: new PostgresDialect({ pool: new Pool(connection) }) });
 * const store = new SqlStore(kysely);
 * await store.migrate();
 * const tokens = new TokenManager({ store });
 * ```
 *
 * @public
 */
export class SqlStore implements TokenStore {
  readonly #database: Database;
  readonly #table: string;
  readonly #statements: DocumentStatements;
  readonly #garbage: GarbageCollection;
  readonly #clock: Clock;
  readonly #listen: SqlStoreOptions['listen'];
  /** The owner of each lease that was handed out. */
  readonly #owners = new WeakMap<Lease, string>();
  readonly #watches = new Set<ListeningWatch>();
  #checked: Promise<void> | undefined;

  /**
   * @param kysely - of a dialect for PostgreSQL, MySQL, MariaDB or SQLite. Its plugins are not used.
   * @throws TypeError naming the option, what it must be and what came.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what other tables it knows does not matter, and no other type says so.
  constructor(kysely: Kysely<any>, options: SqlStoreOptions = {}) {
    const names = ['table', 'dialect', 'listen', 'clock'] as const;
    const given = readFields<SqlStoreOptions>(options, names, 'the options of SqlStore');
    const { table = DEFAULT_TABLE, listen, clock = systemClock } = given;
    assertTable(table);
    const dialect = dialectFor(kysely, given.dialect);
    if (listen !== undefined && (typeof listen !== 'function' || dialect !== 'postgres')) {
      throw new TypeError(`listen must be a function, for PostgreSQL only, got ${describeKind(listen)} for ${dialect}`);
    }
    this.#database = new Database(kysely, dialect, table, clock);
    this.#table = table;
    this.#listen = listen;
    this.#clock = clock;
    const channel = listen && channelOf(table);
    this.#statements = statementsFor(this.#database, channel);
    this.#garbage = new GarbageCollection(this.#database, clock);
  }

  /** Creates the table if it is missing. Harmless when it is there, and when several processes do it at the same time. */
  async migrate(): Promise<void> {
    this.#database.assertOpen();
    await createTable(this.#database, this.#table);
  }

  async now(): Promise<number> {
    this.#database.assertOpen();
    this.#checked ??= checkTable(this.#database).catch((error: unknown) => {
      this.#checked = undefined;
      throw error;
    });
    await this.#checked;
    this.#garbage.beginIfDue();
    return readNow(this.#database);
  }

  async get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    this.#database.assertOpen();
    for (const id of ids) assertId(id);
    return readDocuments(this.#database, ids);
  }

  async set(
    id: string,
    data: JsonObject,
    expected: number,
    options: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    this.#database.assertOpen();
    assertId(id);
    const { due, lease } = options;
    const content = rowContent(data, due);
    const owner = lease?.id === id ? this.#owners.get(lease) : undefined;
    const version =
      expected === 0
        ? await this.#statements.create(id, content, owner)
        : await this.#statements.replace(id, wholeVersion(expected), content, owner);
    // The lease was wrapped by another store, or belongs to another document.
    if (version !== undefined && owner === undefined) await lease?.release().catch(() => undefined);
    return version;
  }

  async delete(id: string, expected: number): Promise<boolean> {
    this.#database.assertOpen();
    assertId(id);
    const content = tombstone(this.#database.words.nowMs);
    return (await this.#statements.replace(id, wholeVersion(expected), content, undefined)) !== undefined;
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): AsyncGenerator<StoredDocument, void, undefined> {
    this.#database.assertOpen();
    assertPrefix(prefix);
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    if (after !== undefined) assertId(after);
    for await (const document of listDocuments(this.#database, prefix, after, limit)) {
      yield document;
      this.#database.assertOpen();
    }
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    this.#database.assertOpen();
    assertId(id);
    const owner = newOwner();
    const row = await this.#statements.lease(id, owner, Math.ceil(ttlMs));
    return row && this.#leaseOf(row, owner);
  }

  async claimDue(lanes: readonly string[], limit: number, ttlMs: number): Promise<Lease[]> {
    this.#database.assertOpen();
    for (const lane of lanes) assertLane(lane);
    if (lanes.length === 0 || limit < 1) return [];
    const owner = newOwner();
    const rows = await this.#statements.claim(lanes, Math.floor(limit), owner, Math.ceil(ttlMs));
    return rows
      .sort((left, right) => Number(left.due_at) - Number(right.due_at))
      .map((row) => this.#leaseOf(row, owner));
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.#database.assertOpen();
    const read = (since: number, limit: number) => readChanges(this.#database, since, limit);
    const watch = new ListeningWatch({ clock: this.#clock, read, changed });
    // The watch is recorded before it has started, so that `close` can end it even if the start never completes.
    this.#watches.add(watch);
    const end = async (): Promise<void> => {
      if (this.#watches.delete(watch)) await watch.end();
    };
    try {
      const listen = this.#listen;
      await watch.start(listen && (async (notified) => listen(channelOf(this.#table), notified)));
      this.#database.assertOpen();
    } catch (error) {
      await end();
      throw error;
    }
    return end;
  }

  async close(): Promise<void> {
    this.#database.close();
    const watches = [...this.#watches];
    this.#watches.clear();
    await Promise.all([...watches.map((watch) => watch.end()), this.#garbage.ended()]);
  }

  #leaseOf(row: DocumentRow, owner: string): Lease {
    const { id } = row;
    const lease: Lease = {
      id,
      document: documentOf(row),
      release: () => releaseLease(this.#database, id, owner),
    };
    this.#owners.set(lease, owner);
    return lease;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as in the constructor.
function dialectFor(kysely: Kysely<any>, given: unknown): SqlDialect {
  if (!hasMethods(kysely, 'getExecutor', 'withoutPlugins')) {
    throw new TypeError(`kysely must be an instance of Kysely, got ${describeKind(kysely)}`);
  }
  if (kysely.isTransaction) throw new TypeError('kysely must be an instance of Kysely, got a transaction');
  const what = "'postgres', 'mysql' or 'sqlite'";
  if (given !== undefined) {
    if (isSqlDialect(given)) return given;
    throw new TypeError(`dialect must be ${what}, got ${describeWord(given)}`);
  }
  const dialect = dialectOf(kysely.getExecutor().adapter);
  if (dialect !== undefined) return dialect;
  throw new TypeError(`dialect must be given, ${what}: it cannot be derived from the dialect of Kysely`);
}

function statementsFor(database: Database, channel: string | undefined): DocumentStatements {
  if (database.dialect === 'mysql') return new MysqlStatements(database);
  if (database.dialect === 'sqlite') return new SqliteStatements(database);
  return new ReturningStatements(database, channel);
}

function newOwner(): string {
  return randomBytes(12).toString('hex');
}

/** Returns the expected version, or one that no document has if the value is not a whole number. */
function wholeVersion(expected: number): number {
  return Number.isSafeInteger(expected) ? expected : -1;
}

/**
 * Returns the name of the channel: lower case and no keyword of SQL, so that it is the same with and without quotes, and
 * within the 63 characters that PostgreSQL permits. Tables with the same name after shortening share a channel, which
 * only causes additional polls.
 */
function channelOf(table: string): string {
  return `${table.toLowerCase().replace('.', '_').slice(0, 55)}_changes`;
}
