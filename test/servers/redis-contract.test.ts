import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { TokenStore } from '../../src/core/store.js';
import { type RedisClient, RedisStore } from '../../src/stores/redis/index.js';
import { testTokenStore } from '../../src/testing/store-contract.js';
import { CLIENTS, CLUSTER_CLIENTS } from '../support/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.js';

describe.skipIf(!hasRedis())('RedisStore', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  describe.each(CLIENTS)('with a client of %s', (_, open) => {
    testWith(() => open(server.port).client);
  });
});

describe.skipIf(!hasRedis())('RedisStore on a cluster', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ cluster: true });
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  describe.each(CLUSTER_CLIENTS)('with a client of %s', (_, open) => {
    testWith(() => open(server.port));
  });
});

/** Stores on one server, each by its prefix on storage of its own. */
function testWith(open: () => RedisClient): void {
  const prefixes = new Map<TokenStore, string>();
  const openAt = (prefix: string): TokenStore => {
    const store = new RedisStore(open(), { prefix });
    prefixes.set(store, prefix);
    return store;
  };
  testTokenStore(test, async () => openAt(`store-${randomUUID()}`), {
    reopen: async (store) => openAt(prefixes.get(store) ?? ''),
  });
}
