// This module opens the store that a test has described to a process, and creates its table where it has one.
import { FileStore } from 'wechat-token-manager';

/**
 * @typedef {import('../../support/stores/fleet-stores.js').StoreDescription} StoreDescription
 * @typedef {import('wechat-token-manager').TokenStore} TokenStore
 */

/** @type {{ [Kind in StoreDescription['kind']]: (described: Extract<StoreDescription, { kind: Kind }>) => Promise<TokenStore> }} */
const OPENERS = {
  file: async ({ directory }) => new FileStore(directory),
  redis: openRedis,
  postgres: openPostgres,
  mariadb: openMariadb,
  sqlite: openSqlite,
};

/** @param {StoreDescription} described @returns {Promise<TokenStore>} */
export function openStore(described) {
  return OPENERS[described.kind](/** @type {never} */ (described));
}

/** @param {Extract<StoreDescription, { kind: 'redis' }>} described */
async function openRedis({ port, prefix, client = 'redis' }) {
  const { RedisStore } = await import('wechat-token-manager/redis');
  return new RedisStore(await redisClient(client, port), { prefix });
}

/** @param {'redis' | 'ioredis' | 'iovalkey'} name @param {number} port */
async function redisClient(name, port) {
  if (name === 'ioredis') return new (await import('ioredis')).Redis({ port, lazyConnect: true });
  if (name === 'iovalkey') return new (await import('iovalkey')).Redis({ port, lazyConnect: true });
  return (await import('redis')).createClient({ socket: { host: '127.0.0.1', port } });
}

/** @param {Extract<StoreDescription, { kind: 'postgres' }>} described */
async function openPostgres({ connection, table }) {
  const [{ Kysely, PostgresDialect }, { default: pg }] = await Promise.all([import('kysely'), import('pg')]);
  const pool = new pg.Pool({ ...connection, max: 5 });
  const ignore = () => undefined;
  pool.on('error', ignore).on('connect', (client) => void client.on('error', ignore));
  return migrated(new Kysely({ dialect: new PostgresDialect({ pool }) }), table);
}

/** @param {Extract<StoreDescription, { kind: 'mariadb' }>} described */
async function openMariadb({ connection, table }) {
  const [{ Kysely, MysqlDialect }, { createPool }] = await Promise.all([import('kysely'), import('mysql2')]);
  return migrated(new Kysely({ dialect: new MysqlDialect({ pool: createPool({ ...connection }) }) }), table);
}

/** @param {Extract<StoreDescription, { kind: 'sqlite' }>} described */
async function openSqlite({ path, table }) {
  const [{ Kysely, SqliteDialect }, { default: Database }] = await Promise.all([import('kysely'), import('libsql')]);
  const { libsqlDatabase } = await import('wechat-token-manager/sql');
  const open = async () => {
    const database = new Database(path);
    // This comes first, because several processes may want to create the file at once.
    database.pragma('busy_timeout = 1000');
    database.pragma('journal_mode = WAL');
    return libsqlDatabase(database);
  };
  return migrated(new Kysely({ dialect: new SqliteDialect({ database: open }) }), table);
}

/** @param {import('kysely').Kysely<unknown>} kysely @param {string} table */
async function migrated(kysely, table) {
  const { SqlStore } = await import('wechat-token-manager/sql');
  const store = new SqlStore(kysely, { table });
  await store.migrate();
  return store;
}
