// #region test-custom-store

import { test } from 'vitest';
import { testTokenStore } from 'wechat-token-manager/testing';
import { Table, TableStore } from './custom-store.js';

const tables = new WeakMap<object, Table>();

function open(table: Table): Promise<TableStore> {
  const store = new TableStore(table);
  tables.set(store, table);
  return Promise.resolve(store);
}

testTokenStore(test, () => open(new Table()), {
  reopen: (store) => open(tables.get(store) ?? new Table()), // another process on the same table
});
// #endregion
