import { randomUUID } from 'node:crypto';
import { createClient, createClientPool, createCluster, createSentinel, RESP_TYPES } from 'redis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { driverOf } from '../../src/stores/redis/driver-of.js';
import { type RedisClient, RedisStore } from '../../src/stores/redis/index.js';
import { CLIENTS, type OpenClient } from '../support/servers/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/servers/redis-server.js';

const ID = 'key/wx1/access_token';
const WAIT = { timeout: 15_000, interval: 10 };

describe('RedisStore: invalid arguments', () => {
  test.each([
    ['nothing', undefined, 'undefined'],
    ['a URL', 'redis://:secret@127.0.0.1', 'a string'],
    ['any object', {}, 'an object'],
    ['something with a sendCommand', { sendCommand: () => undefined, on: () => undefined }, 'an object'],
    ['a pool', createClientPool(), 'an object'],
    [
      'a client of sentinels',
      createSentinel({ name: 'x', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] }),
      'an object',
    ],
  ])('RedisStore refuses %s for a client', (_, client, kind) => {
    expect(() => new RedisStore(client as unknown as RedisClient)).toThrow(
      new TypeError(
        `client must be a client of redis (createClient or createCluster), ioredis or iovalkey (new Redis or new Cluster), got ${kind}`,
      ),
    );
  });

  test.each(['', ' ', 'a b', 'a\n', '微信', 'x'.repeat(129), 5, null])('RedisStore refuses the prefix %j', (prefix) => {
    const [, open] = CLIENTS[0] as (typeof CLIENTS)[number];
    expect(() => new RedisStore(open(1).client, { prefix: prefix as string })).toThrow(/^prefix must be 1 to 128/);
  });

  test('RedisStore refuses an unknown option', () => {
    const [, open] = CLIENTS[0] as (typeof CLIENTS)[number];
    const options = { keyPrefix: 'a' } as object;
    expect(() => new RedisStore(open(1).client, options)).toThrow('unknown name "keyPrefix", expected one of prefix');
  });
});

describe.skipIf(!hasRedis()).each(CLIENTS)('RedisStore with a client of %s', (_, openClient: OpenClient) => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  /** Returns the number of connections that Redis has, without the one that asks. */
  async function connections(): Promise<number> {
    const admin = openClient(server.port);
    await driverOf(admin.client).open();
    const list = String(await admin.command('CLIENT', 'LIST'));
    await admin.close();
    return list.trim().split('\n').length - 1;
  }

  test('a client that its owner connected is released as it was', async () => {
    const opened = openClient(server.port);
    await driverOf(opened.client).open();
    const listeners = opened.listeners();
    const store = new RedisStore(opened.client, { prefix: randomUUID() });
    await store.set(ID, {}, 0);
    await store.watch(() => undefined);
    expect(opened.listeners()).toBeGreaterThan(listeners);
    await store.close();
    expect(opened.listeners()).toBe(listeners);
    expect(await opened.command('PING')).toBe('PONG');
    await opened.close();
    await vi.waitFor(async () => expect(await connections()).toBe(0), WAIT);
  });

  test('a client that is not connected is connected at the first use, and closed with the store', async () => {
    const opened = openClient(server.port);
    const listeners = opened.listeners();
    const store = new RedisStore(opened.client, { prefix: randomUUID() });
    expect(driverOf(opened.client).state).toBe('unopened');
    const answers = await Promise.all(Array.from({ length: 50 }, () => store.now()));
    expect(answers).toHaveLength(50);
    await store.watch(() => undefined);
    await store.close();
    await vi.waitFor(() => expect(driverOf(opened.client).state).not.toBe('ready'), WAIT);
    await vi.waitFor(() => expect(opened.listeners()).toBe(listeners), WAIT);
    await vi.waitFor(async () => expect(await connections()).toBe(0), WAIT);
  });

  test('a store waits for a client that is still connecting', async () => {
    const opened = openClient(server.port);
    const connected = driverOf(opened.client).open();
    const store = new RedisStore(opened.client, { prefix: randomUUID() });
    expect(await store.now()).toBeGreaterThan(0);
    await connected;
    await store.close();
    expect(await opened.command('PING')).toBe('PONG');
    await opened.close();
  });

  test('a store that is closed while it connects leaves no connection', async () => {
    const opened = openClient(server.port);
    const store = new RedisStore(opened.client, { prefix: randomUUID() });
    const asked = store.now().catch(() => 'failed');
    const watched = store.watch(() => undefined).catch(() => 'failed');
    await store.close();
    await Promise.all([asked, watched]);
    await vi.waitFor(async () => expect(await connections()).toBe(0), WAIT);
  });

  test('watchers share one connection, which ends with the last of them', async () => {
    const opened = openClient(server.port);
    const store = new RedisStore(opened.client, { prefix: randomUUID() });
    onTestFinished(() => store.close());
    await store.now();
    const before = await connections();
    const told: (string | undefined)[] = [];
    const ends = await Promise.all(Array.from({ length: 5 }, () => store.watch((id) => told.push(id))));
    expect(await connections()).toBe(before + 1);
    await store.set(ID, {}, 0);
    await vi.waitFor(() => expect(told).toEqual(Array.from({ length: 5 }, () => ID)), WAIT);
    for (const end of ends) await end();
    await vi.waitFor(async () => expect(await connections()).toBe(before), WAIT);
    const again = await store.watch((id) => told.push(id));
    await again();
  });

  test('a Redis that may evict keys causes one warning per store', async () => {
    const opened = openClient(server.port);
    const configure = (policy: string, limit: string): Promise<unknown> =>
      opened.command('CONFIG', 'SET', 'maxmemory-policy', policy, 'maxmemory', limit);
    await driverOf(opened.client).open();
    const warnings: NodeJS.ErrnoException[] = [];
    const collect = (warning: NodeJS.ErrnoException): void => {
      if (warning.code === 'WTM_REDIS_EVICTION') warnings.push(warning);
    };
    process.on('warning', collect);
    onTestFinished(async () => {
      process.off('warning', collect);
      await configure('noeviction', '0');
      await opened.close();
    });
    const start = async (): Promise<void> => {
      const store = new RedisStore(opened.client, { prefix: randomUUID() });
      await store.now();
      await store.now();
      await store.close();
    };
    for (const [policy, limit] of [
      ['noeviction', '100mb'],
      ['volatile-lru', '100mb'],
      ['allkeys-lru', '0'],
    ] as const) {
      await configure(policy, limit);
      await start();
    }
    await configure('allkeys-lfu', '100mb');
    await start();
    await vi.waitFor(() => expect(warnings).toHaveLength(1), WAIT);
    expect(warnings[0]).toMatchObject({ name: 'RedisStoreWarning', message: expect.stringContaining('allkeys-lfu') });
    expect(warnings[0]?.message).toContain('noeviction');
  });
});

describe.skipIf(!hasRedis())('RedisStore with a client of redis whose owner reads buffers', () => {
  const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

  test.each([
    ['one server', false, (url: string) => createClient({ url, commandOptions })],
    ['a cluster', true, (url: string) => createCluster({ rootNodes: [{ url }], commandOptions })],
  ] as const)('documents on %s are read as text all the same', async (_, cluster, open) => {
    await using server = await startRedis({ cluster });
    const client = open(server.url).on('error', () => undefined);
    const store = new RedisStore(client as unknown as RedisClient);
    onTestFinished(() => store.close());
    await store.set(ID, { value: '微信' }, 0);
    expect((await store.get([ID]))[0]?.data).toEqual({ value: '微信' });
    expect((await store.lease(ID, 1_000))?.document?.data).toEqual({ value: '微信' });
    const listed: string[] = [];
    for await (const { id } of store.list('key')) listed.push(id);
    expect(listed).toEqual([ID]);
  });
});
