import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, SqliteDialect, sql } from 'kysely';
import LibSql from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { libsqlDatabase, SqlStore } from '../../../../src/stores/sql/index.js';

const ID = 'key/wx1/access_token';
const ADD = "update counted set n = n + 1 where id = 'x'";

interface Row {
  readonly n: number;
}

let directory: string;
let path: string;
let kyselys: Kysely<unknown>[];
let others: LibSql.Database[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'libsql-'));
  path = join(directory, 'tokens.db');
  kyselys = [];
  others = [];
});
afterEach(async () => {
  await Promise.all(kyselys.map((kysely) => kysely.destroy()));
  for (const other of others) other.close();
  await rm(directory, { recursive: true, force: true });
});

function open(): LibSql.Database {
  const database = new LibSql(path);
  database.pragma('busy_timeout = 5');
  database.pragma('journal_mode = WAL');
  return database;
}

/** Another process. */
function other(): LibSql.Database {
  const database = open();
  others.push(database);
  return database;
}

function connect(wrap: typeof libsqlDatabase): Kysely<unknown> {
  const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database: wrap(open()) }) });
  kyselys.push(kysely);
  return kysely;
}

function numberSeenBy(database: LibSql.Database): number {
  return (database.prepare('select n from counted').all([])[0] as Row).n;
}

describe('a database of libsql', () => {
  let kysely: Kysely<unknown>;
  let locker: LibSql.Database;

  beforeEach(() => {
    locker = other();
    locker.exec("create table counted (id text primary key, n integer); insert into counted values ('x', 0)");
    kysely = connect(libsqlDatabase);
  });

  async function failBusy(text: string): Promise<void> {
    locker.exec('begin immediate');
    await expect(sql.raw(text).execute(kysely)).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
    locker.exec('commit');
  }

  test.each([ADD, `${ADD} returning n`, 'begin immediate', 'create table more (id text)'])(
    'a libsql database commits its writes, and reads those of others, after it has failed busy: %s',
    async (text) => {
      const reader = other();
      for (let round = 1; round <= 20; round++) {
        await failBusy(text);
        await sql.raw(`${ADD} returning n`).execute(kysely);
        expect(numberSeenBy(reader)).toBe(2 * round - 1);
        locker.exec(ADD);
        expect((await sql<Row>`select n from counted`.execute(kysely)).rows).toEqual([{ n: 2 * round }]);
      }
    },
  );

  test('a libsql database takes part in transactions of Kysely, which commit and roll back', async () => {
    await kysely.transaction().execute(async (transaction) => {
      await sql.raw(ADD).execute(transaction);
      expect(numberSeenBy(locker)).toBe(0);
      await sql.raw(ADD).execute(transaction);
    });
    expect(numberSeenBy(locker)).toBe(2);
    const failed = kysely.transaction().execute(async (transaction) => {
      await sql.raw(ADD).execute(transaction);
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(numberSeenBy(locker)).toBe(2);
  });

  test('a libsql database rolls back what fails, and holds no lock then', async () => {
    await expect(sql`insert into counted values ('y', 1), ('x', 1)`.execute(kysely)).rejects.toThrow(/UNIQUE/);
    locker.exec(ADD);
    expect((await sql<Row>`select n from counted`.execute(kysely)).rows).toEqual([{ n: 1 }]);
  });

  test('a libsql database reports how many rows a write has changed, and returns them one by one', async () => {
    expect(await sql.raw(ADD).execute(kysely)).toMatchObject({ numAffectedRows: 1n });
    const database = libsqlDatabase(other());
    expect([...database.prepare(`${ADD} returning n`).iterate([])]).toEqual([{ n: 2 }]);
    expect([...database.prepare('select n from counted').iterate([])]).toEqual([{ n: 2 }]);
    expect([...database.prepare('begin').iterate([]), ...database.prepare('commit').all([])]).toEqual([]);
    expect(numberSeenBy(locker)).toBe(2);
  });
});

test('a table is created in a file that was busy when it was opened, as while other processes create it', async () => {
  let opened = 0;
  const database = async () => {
    opened += 1;
    if (opened < 3) throw Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
    return libsqlDatabase(open());
  };
  const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
  kyselys.push(kysely);
  const store = new SqlStore(kysely);
  await store.migrate();
  expect([await store.get([ID]), opened]).toEqual([[undefined], 3]);
});

test('I3: a store on a database of libsql that is not wrapped acknowledges nothing that is not committed', async () => {
  const migrating = new SqlStore(connect(libsqlDatabase));
  await migrating.migrate();
  const store = new SqlStore(connect((database) => database));
  const reader = new SqlStore(connect(libsqlDatabase));
  const locker = other();
  locker.exec('begin immediate');
  await expect(store.set(ID, { n: 0 }, 0)).rejects.toMatchObject({
    code: 'STUCK',
    message: expect.stringContaining('libsqlDatabase()'),
  });
  locker.exec('commit');
  for (let round = 0; round < 20; round++) {
    const [before] = await reader.get([ID]);
    const version = await store.set(ID, { round }, before?.version ?? 0).catch(({ code }: { code: string }) => code);
    // Until the statement that failed is collected as garbage.
    if (typeof version === 'string') expect(version).toBe('STUCK');
    else expect(await reader.get([ID])).toMatchObject([{ version, data: { round } }]);
    // No other connection is locked out.
    locker.exec('begin immediate; commit');
  }
});
