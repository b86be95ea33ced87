// #region other-dialects
import type { Socket } from 'node:net';
import { type Dialect, MysqlDialect, SqliteDialect } from 'kysely';
import Database from 'libsql';
import { createPool, type PoolConnection } from 'mysql2';
import { libsqlDatabase } from 'wechat-token-manager/sql';

/** MySQL and MariaDB. */
export function mysql(url: string): Dialect {
  const pool = createPool({ uri: url, connectionLimit: 5, connectTimeout: 3_000 });
  pool.on('connection', (connection) => {
    const { stream } = connection as PoolConnection & { readonly stream: Socket }; // the types leave it out
    stream.setTimeout(5_000, () => stream.destroy()); // otherwise mysql2 waits for a silent server as long as TCP does
  });
  return new MysqlDialect({ pool });
}

/** For the processes of one machine. `better-sqlite3` is used the same way, without `libsqlDatabase`. */
export function sqlite(path: string): Dialect {
  const open = async () => {
    const database = new Database(path);
    database.pragma('busy_timeout = 500');
    database.pragma('journal_mode = WAL'); // fails while others create the file, and is tried again by the store
    database.pragma('synchronous = FULL'); // some builds begin with less, and lose the last writes at a power cut
    return libsqlDatabase(database);
  };
  return new SqliteDialect({ database: open });
}
// #endregion
