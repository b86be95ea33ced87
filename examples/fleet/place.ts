import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Kysely, sql } from 'kysely';
import { createClient, type RedisClientType } from 'redis';
import { dialectOf } from './join.js';
import { startPostgres, startRedis } from './local-server.js';

/** The database that the fleet of the demo shares. */
export interface Place {
  readonly url: string;
  readonly description: string;
  /** Removes what the demo has created. */
  clean(): Promise<void>;
}

/**
 * Opens Redis.
 *
 * @param name - the prefix, which only the demo uses.
 * @throws if there is no usable Redis.
 */
export async function redisPlace(name: string): Promise<Place> {
  const { REDIS_URL } = process.env;
  if (REDIS_URL) {
    await withRedis(REDIS_URL, (client) => client.ping());
    const removeKeys = (): Promise<void> =>
      withRedis(REDIS_URL, async (client) => {
        for await (const keys of client.scanIterator({ MATCH: `{${name}}:*` }))
          if (keys.length > 0) await client.del(keys);
      });
    return { url: REDIS_URL, description: 'yours, REDIS_URL', clean: removeKeys };
  }
  const server = await startRedis();
  if (server !== undefined) return { url: server.url, description: 'a Redis, started for this', clean: server.stop };
  throw new Error('there is no redis-server here: install it (Debian: apt install redis-server), or set REDIS_URL');
}

/**
 * Opens the SQL database.
 *
 * @param name - the table, which only the demo uses.
 * @throws if `DATABASE_URL` cannot be used.
 */
export async function sqlPlace(name: string): Promise<Place> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) {
    await withSql(DATABASE_URL, (kysely) => sql`select 1`.execute(kysely));
    const dropTable = (): Promise<void> =>
      withSql(DATABASE_URL, (kysely) => kysely.schema.dropTable(name).ifExists().execute());
    return { url: DATABASE_URL, description: 'yours, DATABASE_URL', clean: dropTable };
  }
  const server = await startPostgres();
  if (server !== undefined)
    return { url: server.url, description: 'a PostgreSQL, started for this', clean: server.stop };
  const directory = await mkdtemp(join(tmpdir(), 'fleet-sqlite-'));
  return {
    url: pathToFileURL(join(directory, 'tokens.db')).href.replace('file:', 'sqlite:'),
    description: 'SQLite, because there is no PostgreSQL here and no DATABASE_URL',
    clean: () => rm(directory, { recursive: true, force: true }),
  };
}

async function withRedis(url: string, work: (client: RedisClientType) => Promise<unknown>): Promise<void> {
  const client: RedisClientType = createClient({ url, socket: { connectTimeout: 3_000, reconnectStrategy: false } });
  client.on('error', () => {});
  await client.connect();
  await work(client).finally(() => client.destroy());
}

async function withSql(url: string, work: (kysely: Kysely<unknown>) => Promise<unknown>): Promise<void> {
  const kysely = new Kysely<unknown>({ dialect: dialectOf(url) });
  await work(kysely).finally(() => kysely.destroy());
}
