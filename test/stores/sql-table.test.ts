import { type Kysely, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SqlStore, tableDefinition } from '../../src/stores/sql/index.js';
import { SQL_DATABASES, type SqlDatabase } from '../support/servers/sql-databases.js';
import { ofThisRun } from '../support/stores/this-run.js';

describe.each(ofThisRun(SQL_DATABASES))('SqlStore on $name', ({ isHere, start }) => {
  describe.skipIf(!isHere())('the table', () => {
    let database: SqlDatabase;
    let kysely: Kysely<unknown>;

    beforeAll(async () => {
      database = await start();
      kysely = database.connect();
    });
    afterAll(() => database?.[Symbol.asyncDispose]());

    const run = async (text: string): Promise<Record<string, unknown>[]> =>
      (await sql.raw<Record<string, unknown>>(text).execute(kysely)).rows;

    test('a table is created once by twenty simultaneous migrations', async () => {
      const connections = Array.from({ length: 4 }, () => database.connect());
      const stores = Array.from({ length: 20 }, (_, index) => {
        return new SqlStore(connections[index % connections.length] as Kysely<unknown>, { table: 'at_once' });
      });
      await Promise.all(stores.map((store) => store.migrate()));
      expect(await stores[0]?.set('app/a', { n: 1 }, 0)).toBeGreaterThan(0);
      await Promise.all(stores.map((store) => store.migrate()));
      for (const store of stores) expect(await store.now()).toBeGreaterThan(0);
      expect((await stores[1]?.get(['app/a']))?.[0]?.data).toEqual({ n: 1 });
    });

    test('a table is the same by migrate and by the statements as text, which may be run again', async () => {
      await new SqlStore(kysely, { table: 'by_migrate' }).migrate();
      const text = tableDefinition(database.dialect, 'by_text');
      for (let times = 0; times < 2; times++) {
        for (const statement of text.split(';\n').filter((part) => part !== '')) await run(statement);
      }
      const described = await describeTable(run, database.dialect, 'by_text');
      expect(described).toBe(
        (await describeTable(run, database.dialect, 'by_migrate')).replaceAll('by_migrate', 'by_text'),
      );
      expect(described).toContain('by_text_changed');
      const store = new SqlStore(kysely, { table: 'by_text' });
      expect(await store.now()).toBeGreaterThan(0);
      await store.migrate();
      expect(await store.set('app/a', {}, 0)).toBeGreaterThan(0);
    });

    test('a missing table is an error that says what to do, until it exists', async () => {
      const store = new SqlStore(kysely, { table: 'missing' });
      const expected = { name: 'SqlFailure', code: 'TABLE_MISSING' };
      await expect(store.now()).rejects.toMatchObject(expected);
      const remedy = 'create it with the statements of "wechat-token-manager ddl", or with migrate() of the SqlStore';
      await expect(store.now()).rejects.toThrow(`the table does not exist: ${remedy}`);
      await expect(store.set('app/a', {}, 0)).rejects.toMatchObject(expected);
      await store.migrate();
      expect(await store.now()).toBeGreaterThan(0);
    });

    test('a table of another format is refused, by migrate too', async () => {
      const store = new SqlStore(kysely, { table: 'newer' });
      await store.migrate();
      await run("update newer set version = 2 where id = 'format'");
      const message = 'the table has format 2; this release reads format 1';
      await expect(store.now()).rejects.toThrow(message);
      await expect(store.migrate()).rejects.toThrow(message);
    });

    test('a table with other columns is refused and not changed', async () => {
      await run('create table foreign_table (id varchar(20) not null primary key, name varchar(20))');
      const store = new SqlStore(kysely, { table: 'foreign_table' });
      await expect(store.now()).rejects.toMatchObject({ code: 'TABLE_UNFIT' });
      await expect(store.migrate()).rejects.toMatchObject({ code: 'TABLE_UNFIT' });
      expect(await run('select * from foreign_table')).toEqual([]);
    });

    test('a table whose creation was interrupted is completed', async () => {
      const [create = ''] = tableDefinition(database.dialect, 'begun').split(';\n');
      await run(create);
      const store = new SqlStore(kysely, { table: 'begun' });
      await expect(store.now()).rejects.toThrow('run the statements of "wechat-token-manager ddl", or migrate()');
      await store.migrate();
      expect(await store.now()).toBeGreaterThan(0);
      expect(await describeTable(run, database.dialect, 'begun')).toContain('begun_changed');
    });

    test('a table is checked only once', async () => {
      const store = new SqlStore(kysely, { table: 'looked_at' });
      await store.migrate();
      await store.now();
      await run("delete from looked_at where id = 'format'");
      expect(await store.now()).toBeGreaterThan(0);
    });

    test('a table may be in a schema', async () => {
      if (database.dialect === 'postgres') await run('create schema if not exists app');
      const schema = { postgres: 'app', mysql: 'tokens', sqlite: 'main' }[database.dialect];
      const store = new SqlStore(kysely, { table: `${schema}.in_schema` });
      await store.migrate();
      expect(await store.set('app/a', { n: 1 }, 0)).toBeGreaterThan(0);
      expect(await run(`select id from ${schema}.in_schema where data is not null`)).toMatchObject([{ id: 'app/a' }]);
    });

    test('a table may be named with a word of SQL or with capitals', async () => {
      for (const table of ['order', 'Tokens']) {
        const store = new SqlStore(kysely, { table });
        await store.migrate();
        expect(await store.set('app/a', { n: 1 }, 0)).toBeGreaterThan(0);
        expect((await store.get(['app/a']))[0]?.data).toEqual({ n: 1 });
        const lease = await store.lease('app/a', 1_000);
        await lease?.release();
        for await (const { id } of store.list('app')) expect(id).toBe('app/a');
      }
    });
  });
});

/** Returns what the database itself reports about a table's columns and indexes. */
async function describeTable(
  run: (text: string) => Promise<Record<string, unknown>[]>,
  dialect: SqlDatabase['dialect'],
  table: string,
): Promise<string> {
  const queries = {
    postgres: [
      `select column_name, data_type, is_nullable, collation_name, column_default from information_schema.columns
        where table_name = '${table}' order by ordinal_position`,
      `select indexname, indexdef from pg_indexes where tablename = '${table}' order by indexname`,
    ],
    mysql: [`show create table ${table}`],
    sqlite: [`select type, name, sql from sqlite_master where tbl_name = '${table}' order by name`],
  };
  const rows = [];
  for (const query of queries[dialect]) rows.push(...(await run(query)));
  return JSON.stringify(rows);
}
