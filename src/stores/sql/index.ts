export { type LibsqlDatabase, libsqlDatabase } from './libsql-database.js';
export type { SqlDialect } from './sql-dialect.js';
export { SqlStore, type SqlStoreOptions } from './sql-store.js';
export { tableDefinition } from './table.js';
