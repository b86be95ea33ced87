import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, SqliteDialect, sql } from 'kysely';
import LibSql from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SqlStore } from '../../../../src/stores/sql/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { connectSqlite } from '../../../support/servers/sql-databases.js';

const ID = 'key/wx1/access_token';
const TTL_MS = 60_000;

describe('SqlStore on SQLite alone', () => {
  let directory: string;
  let path: string;
  let store: SqlStore;
  let connections: Kysely<unknown>[];

  const connect = (file = path, busyTimeoutMs = 500): Kysely<unknown> => {
    const kysely = connectSqlite(file, busyTimeoutMs);
    connections.push(kysely);
    return kysely;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sqlite-'));
    path = join(directory, 'tokens.db');
    connections = [];
    store = new SqlStore(connect());
    await store.migrate();
  });
  afterEach(async () => {
    await Promise.all(connections.map((kysely) => kysely.destroy()));
    await rm(directory, { recursive: true, force: true });
  });

  /** Opens a connection that holds the lock of the whole database. */
  const locker = (): LibSql.Database => {
    const database = new LibSql(path);
    database.exec('begin immediate');
    return database;
  };

  test('a store answers that a lease is held and nothing is due while another connection writes', async () => {
    expect(await store.lease(ID, TTL_MS)).toBeDefined();
    // A store that waited for the lock would wait on this clock, which never advances.
    const other = new SqlStore(connect(path, 0), { clock: new FakeClock() });
    const lock = locker();
    expect(await other.lease(ID, TTL_MS)).toBeUndefined();
    expect(await other.claimDue(['access_token'], 5, TTL_MS)).toEqual([]);
    lock.exec('commit');
    lock.close();
  });

  test('a store waits for a lock that is held, without a busy_timeout too', async () => {
    const clock = new FakeClock();
    const waiting = new SqlStore(connect(path, 0), { clock });
    const lock = locker();
    let isWritten = false;
    const writing = waiting.set(ID, {}, 0).then((version) => {
      isWritten = true;
      return version;
    });
    await clock.advance(200);
    expect(isWritten).toBe(false);
    lock.exec('commit');
    lock.close();
    await clock.advance(200);
    expect(await writing).toBeGreaterThan(0);
  });

  test('a store gives up on a lock that is held for too long, and reports why', async () => {
    const clock = new FakeClock();
    const waiting = new SqlStore(connect(path, 0), { clock });
    const lock = locker();
    const failed = expect(waiting.lease(ID, TTL_MS)).rejects.toMatchObject({ code: 'BUSY' });
    await clock.advance(2_000);
    await failed;
    expect(await waiting.get([ID])).toEqual([undefined]);
    lock.close();
    expect(await waiting.lease(ID, TTL_MS)).toBeDefined();
  });

  test('a database that can only be read is an error that says so', async () => {
    const kysely = connect();
    await sql`pragma query_only = on`.execute(kysely);
    const reader = new SqlStore(kysely);
    expect(await reader.now()).toBeGreaterThan(0);
    await expect(reader.set(ID, {}, 0)).rejects.toMatchObject({ code: 'READ_ONLY' });
  });

  test('a file that is no database is an error that shows no more than its code', async () => {
    const file = join(directory, 'text.db');
    await writeFile(file, 'this is no database at all, whatever its name says '.repeat(50));
    const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database: new LibSql(file) }) });
    connections.push(kysely);
    await expect(new SqlStore(kysely).now()).rejects.toMatchObject({ name: 'SqlFailure', code: 'SQLITE_NOTADB' });
  });

  test('numbers may come as BigInt', async () => {
    const database = new LibSql(path);
    database.defaultSafeIntegers(true);
    const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
    connections.push(kysely);
    const other = new SqlStore(kysely);
    const version = await other.set(ID, {}, 0, { due: { lane: 'a', at: 1_767_225_600_123 } });
    expect(typeof version).toBe('number');
    expect(await other.get([ID])).toEqual([{ id: ID, version, data: {}, due: { lane: 'a', at: 1_767_225_600_123 } }]);
    expect(typeof (await other.now())).toBe('number');
    const end = await other.watch(() => undefined);
    await end();
  });

  test('the time is that of the system, to the millisecond', async () => {
    const before = Date.now();
    const now = await store.now();
    expect(Number.isInteger(now)).toBe(true);
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  test('other work gets a turn between any two of many statements', async () => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.set(`key/wx${index}/a`, {}, 0)));
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(49);
  });
});
