import { exponentialDelayMs } from '../../core/model/backoff.js';
import type { TokenStore } from '../../core/model/store.js';
import type { RedisClient } from '../../stores/redis/index.js';
import type { ServerLocation } from '../args/store-location.js';
import { hostIn } from '../args/store-url.js';
import { asUsage } from '../failures/usage-error.js';
import { type Alternatives, assertInstalled, loadDriver, loaderOf } from './installed-package.js';
import { CONNECT_MS } from './pool-bounds.js';

interface Server {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly database: number;
  readonly login: { readonly username?: string; readonly password?: string };
}

interface NodeRedisModule {
  createClient(options: object): RedisClient;
}

interface IoRedisModule {
  readonly Redis: new (options: object) => RedisClient;
}

/**
 * The time without any traffic after which a connection is dropped, because the server may have disappeared without
 * closing it. The package `redis` also counts its own writes as traffic, and the manager writes every two seconds to a
 * store that does not answer, so that this is less than two seconds.
 */
const SILENT_MS = 1_900;
const PING_EVERY_MS = 600;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

const PACKAGES: Alternatives = ['redis', 'ioredis', 'iovalkey'];

/**
 * Opens the store in Redis. It connects at the first use, and closes the connection when it is closed.
 *
 * @throws UsageError when no client is installed, or the prefix cannot be one; StartFailure when the client is broken.
 */
export async function openRedisStore({ url, name: prefix }: ServerLocation<'redis'>): Promise<TokenStore> {
  assertInstalled('--store: Redis', [PACKAGES]);
  const { RedisStore } = await import('../../stores/redis/index.js');
  const client = clientFor(serverOf(url));
  // Without a listener an error would end the process, even after the store has been closed.
  client.on('error', () => {});
  return asUsage(
    () => new RedisStore(client, prefix === undefined ? {} : { prefix }),
    (message) => `--store: ${message}`,
  );
}

function clientFor(server: Server): RedisClient {
  const name = PACKAGES.find((candidate) => loaderOf(candidate) !== undefined) ?? PACKAGES[0];
  const module = loadDriver(name);
  return name === 'redis' ? nodeRedis(module as NodeRedisModule, server) : ioRedis(module as IoRedisModule, server);
}

function nodeRedis({ createClient }: NodeRedisModule, { host, port, isTls, database, login }: Server): RedisClient {
  return createClient({
    ...login,
    database,
    pingInterval: PING_EVERY_MS,
    socket: {
      host,
      port,
      tls: isTls,
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENT_MS,
      reconnectStrategy: (retries: number) => pauseMs(retries),
    },
  });
}

function ioRedis({ Redis }: IoRedisModule, { host, port, isTls, database, login }: Server): RedisClient {
  return new Redis({
    ...login,
    host,
    port,
    db: database,
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENT_MS,
    // A command is not repeated after a reconnect, because the manager has timed out and given it up by then.
    maxRetriesPerRequest: 0,
    retryStrategy: (retries: number) => pauseMs(retries),
    ...(isTls && { tls: {} }),
  });
}

function pauseMs(retries: number): number {
  return exponentialDelayMs(retries + 1, FIRST_PAUSE_MS, LONGEST_PAUSE_MS) * (0.8 + 0.4 * Math.random());
}

function serverOf(url: URL): Server {
  const { protocol, port, username, password, pathname } = url;
  return {
    host: hostIn(url),
    port: Number(port || 6_379),
    isTls: protocol === 'rediss:' || protocol === 'valkeys:',
    database: Number(pathname.slice(1)),
    login: {
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
    },
  };
}
