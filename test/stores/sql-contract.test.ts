import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { TokenStore } from '../../src/index.js';
import { SqlStore } from '../../src/stores/sql/index.js';
import { testTokenStore } from '../../src/testing/index.js';
import { SQL_DATABASES, type SqlDatabase } from '../support/servers/sql-databases.js';
import { ofThisRun } from '../support/stores/this-run.js';

describe.each(ofThisRun(SQL_DATABASES))('SqlStore on $name', ({ isHere, start }) => {
  describe.skipIf(!isHere())('the contract of stores', () => {
    let database: SqlDatabase;
    let connections: readonly Kysely<unknown>[];
    let tables = 0;
    const tableOf = new WeakMap<TokenStore, string>();

    beforeAll(async () => {
      database = await start();
      connections = [database.connect(), database.connect()];
    });
    afterAll(() => database?.[Symbol.asyncDispose]());

    const open = (connection: number, table: string): SqlStore => {
      const store = new SqlStore(connections[connection] as Kysely<unknown>, { table });
      tableOf.set(store, table);
      return store;
    };

    testTokenStore(
      test,
      async () => {
        tables += 1;
        const store = open(0, `tokens_${tables}`);
        await store.migrate();
        return store;
      },
      { reopen: async (store) => open(1, tableOf.get(store) ?? '') },
    );
  });
});
