// #region sql
import { type Dialect, Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { TokenManager, type TokenManagerOptions } from 'wechat-token-manager';
import { SqlStore } from 'wechat-token-manager/sql';

export interface Member {
  readonly tokens: TokenManager;
  leave(): Promise<void>;
}

/** Processes that name the same database and table form one fleet. */
export async function joinOnSql(dialect: Dialect, table: string, options: TokenManagerOptions = {}): Promise<Member> {
  const kysely = new Kysely<unknown>({ dialect });
  const store = new SqlStore(kysely, { table });
  await store.migrate(); // creates the table; or run what `tableDefinition` prints
  const tokens = new TokenManager({ ...options, store });
  const leave = async (): Promise<void> => {
    await tokens.close();
    await kysely.destroy();
  };
  return { tokens, leave };
}

export function postgres(url: string): Dialect {
  const limits = { connectionTimeoutMillis: 3_000, query_timeout: 3_000, maxLifetimeSeconds: 60 };
  const pool = new Pool({ connectionString: url, max: 5, ...limits });
  // pg reports lost connections by events, which end the process unless they have a listener.
  const ignore = (): void => {};
  pool.on('error', ignore).on('connect', (client) => client.on('error', ignore));
  return new PostgresDialect({ pool });
}
// #endregion
