import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TokenStore } from '../../src/core/model/store.js';
import { type RedisClient, RedisStore } from '../../src/stores/redis/index.js';
import { testTokenStore } from '../../src/testing/store-contract.js';
import { CLIENTS, CLUSTER_CLIENTS } from '../support/servers/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/servers/redis-server.js';
import { type ScriptCheckingProxy, startScriptCheckingProxy } from '../support/servers/script-checking-proxy.js';

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

describe.skipIf(!hasRedis)('RedisStore behind a proxy that takes only literal keys in scripts', () => {
  let server: RedisServer;
  let proxy: ScriptCheckingProxy;

  beforeAll(async () => {
    server = await startRedis();
    proxy = await startScriptCheckingProxy(server.port);
  });

  afterAll(async () => {
    expect(proxy.refusals).toEqual([]);
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  describe.each(CLIENTS)('with a client of %s', (_, open) => {
    testWith(() => open(proxy.port).client);
  });
});

describe.skipIf(!hasRedis)('RedisStore behind a proxy that refuses scripts that publish', () => {
  let server: RedisServer;
  let proxy: ScriptCheckingProxy;

  beforeAll(async () => {
    server = await startRedis();
    proxy = await startScriptCheckingProxy(server.port, { refusesPublish: true });
  });

  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  describe.each(CLIENTS)('with a client of %s', (_, open) => {
    testWith(() => open(proxy.port).client);
  });
});

/** Tests stores on one server, each of which has storage of its own by its prefix. */
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
