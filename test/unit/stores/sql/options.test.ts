import { inspect } from 'node:util';
import {
  type DialectAdapter,
  DummyDriver,
  Kysely,
  MssqlAdapter,
  MssqlQueryCompiler,
  MysqlAdapter,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresQueryCompiler,
  type QueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { describe, expect, test } from 'vitest';
import { type SqlDialect, SqlStore, type SqlStoreOptions, tableDefinition } from '../../../../src/stores/sql/index.js';
import { sqlFailure } from '../../../../src/stores/sql/sql-failure.js';

/** A Kysely without a database. */
function kyselyOf(adapter: DialectAdapter, compiler: QueryCompiler): Kysely<unknown> {
  return new Kysely({
    dialect: {
      createAdapter: () => adapter,
      createDriver: () => new DummyDriver(),
      createIntrospector: (kysely) => new SqliteIntrospector(kysely),
      createQueryCompiler: () => compiler,
    },
  });
}

const postgres = kyselyOf(new PostgresAdapter(), new PostgresQueryCompiler());
const unknown = kyselyOf(new MssqlAdapter(), new MssqlQueryCompiler());

class NeonAdapter extends PostgresAdapter {}

/** As a second copy of Kysely would have it. */
const [AdapterOfCopy] = [class SqliteAdapter {}];
class WorkersAdapter extends AdapterOfCopy {}

const throws = (): never => {
  throw new Error('CANARY of a password');
};
const throwing = new Proxy({}, { get: throws, has: throws, ownKeys: throws });

describe('the options of SqlStore', () => {
  test.each<[string, Kysely<unknown>]>([
    ['PostgreSQL', postgres],
    ['MySQL', kyselyOf(new MysqlAdapter(), new MysqlQueryCompiler())],
    ['SQLite', kyselyOf(new SqliteAdapter(), new SqliteQueryCompiler())],
    ['one derived from PostgreSQL', kyselyOf(new NeonAdapter(), new PostgresQueryCompiler())],
    ['one of another copy of Kysely', kyselyOf(new WorkersAdapter() as SqliteAdapter, new SqliteQueryCompiler())],
  ])('SqlStore needs no dialect for %s', (_, kysely) => {
    expect(() => new SqlStore(kysely)).not.toThrow();
  });

  test('SqlStore needs a dialect where it cannot be recognized', () => {
    expect(() => new SqlStore(unknown)).toThrow(
      new TypeError(
        "dialect must be given, 'postgres', 'mysql' or 'sqlite': it cannot be derived from the dialect of Kysely",
      ),
    );
    expect(() => new SqlStore(unknown, { dialect: 'mysql' })).not.toThrow();
  });

  test.each<[string, unknown]>([
    ["dialect must be 'postgres', 'mysql' or 'sqlite', got \"oracle\"", { dialect: 'oracle' }],
    ['the options of SqlStore: unknown name "tabel", expected one of table, dialect, listen, clock', { tabel: 'x' }],
    [
      'table must be a name of at most 50 letters, digits and _, with or without a schema before it, got 7',
      { table: 7 },
    ],
    ['listen must be a function, for PostgreSQL only, got an object for postgres', { listen: {} }],
    ['listen must be a function, for PostgreSQL only, got a function for mysql', { listen: () => 0, dialect: 'mysql' }],
  ])('SqlStore refuses wrong options: %s', (message, options) => {
    expect(() => new SqlStore(postgres, options as SqlStoreOptions)).toThrow(new TypeError(message));
  });

  test.each(['', 'a b', 'a"b', 'a`b', 'a;b', '1a', 'a.b.c', '.a', 'a.', 'a-b', 'ä', 'x'.repeat(51)])(
    'SqlStore refuses the table %j',
    (table) => {
      expect(() => new SqlStore(postgres, { table })).toThrow(/^table must be/);
      expect(() => tableDefinition('postgres', table)).toThrow(/^table must be/);
    },
  );

  test.each(['tokens', 'Tokens_2', 'app.tokens', '_x', 'x'.repeat(50)])('SqlStore takes the table %j', (table) => {
    expect(() => new SqlStore(postgres, { table })).not.toThrow();
  });

  test.each<[unknown, string]>([
    ['oracle', '"oracle"'],
    ['constructor', '"constructor"'],
    [throwing, 'an object'],
    [Symbol('CANARY'), 'a symbol'],
  ])('tableDefinition refuses a dialect that is none: %#', (dialect, got) => {
    const message = `dialect must be 'postgres', 'mysql' or 'sqlite', got ${got}`;
    expect(() => tableDefinition(dialect as SqlDialect)).toThrow(new TypeError(message));
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['an object', {}],
    ['an object that cannot be read', throwing],
    ['a string', 'postgres://user:password@host/db'],
  ])('SqlStore is refused without Kysely: %s', (_, kysely) => {
    expect(() => new SqlStore(kysely as Kysely<unknown>)).toThrow(
      /^kysely must be an instance of Kysely, got (?!.*pass)/,
    );
  });

  test('SqlStore does not take a transaction for a database', async () => {
    await postgres.transaction().execute(async (transaction) => {
      expect(() => new SqlStore(transaction)).toThrow('got a transaction');
    });
  });
});

const SECRET = 'ACCESS-TOKEN-77';

describe('an error of a driver', () => {
  test.each<[string, object]>([
    ['BUSY', { code: '40P01' }],
    ['BUSY', { code: '55P03' }],
    ['UNREACHABLE', { code: '57P05' }],
    ['BUSY', { code: 'SQLITE_BUSY_SNAPSHOT' }],
    ['BUSY', { code: 'ERR_SQLITE_ERROR', errcode: 261 }],
    ['DUPLICATE', { code: '23505', detail: SECRET }],
    ['DUPLICATE', { code: 'ERR_SQLITE_ERROR', errcode: 1555 }],
    ['TABLE_MISSING', { code: 'SQLITE_ERROR', message: `no such table: x ${SECRET}` }],
    ['READ_ONLY', { code: 'ER_OPTION_PREVENTS_STATEMENT', errno: 1290 }],
    ['ACCESS_DENIED', { code: 'ER_ACCESS_DENIED_ERROR', sql: SECRET }],
    ['TOO_LARGE', { code: 'ER_NET_PACKET_TOO_LARGE', sql: SECRET }],
    ['DISK_FULL', { code: '53100' }],
    ['DATABASE_CLOSED', { message: 'driver has already been destroyed' }],
    ['DATABASE_CLOSED', { message: 'Pool is closed.' }],
    ['UNREACHABLE', { code: 'ECONNREFUSED', message: `connect ECONNREFUSED ${SECRET}` }],
    ['UNREACHABLE', { code: 'EAI_AGAIN' }],
    ['UNREACHABLE', { message: 'Connection terminated unexpectedly' }],
    ['22P02', { code: '22P02', message: `invalid input syntax: ${SECRET}`, where: SECRET }],
    ['DATABASE_FAILED', { message: SECRET, sql: SECRET, parameters: [SECRET] }],
    ['DATABASE_FAILED', { code: `no code but ${SECRET}`, cause: SECRET }],
  ])('an error of a driver becomes %s and shows no value of its statement: %j', (code, facts) => {
    const error = Object.assign(new Error(SECRET), facts);
    const failure = sqlFailure(error, [SECRET]);
    expect(failure.code).toBe(code);
    expect(failure.message.length).toBeGreaterThan(10);
    expect(inspect(failure, { showHidden: true, depth: 9 })).not.toContain(SECRET);
  });

  test.each([undefined, null, 'ACCESS-TOKEN-77', 7])('an error of a driver may be anything: %s', (thrown) => {
    expect(sqlFailure(thrown)).toMatchObject({ code: 'DATABASE_FAILED', message: 'the database failed' });
  });
});
