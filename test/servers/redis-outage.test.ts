import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { driverOf } from '../../src/stores/redis/driver-of.js';
import { RedisStore } from '../../src/stores/redis/index.js';
import { CLIENTS, type ClientOptions, type OpenClient, type TestClient } from '../support/servers/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/servers/redis-server.js';

const ID = 'key/wx1/access_token';
const SECRET = 'the-token-that-must-not-be-shown';
const LEASE_MS = 60_000;
const MANY = 1_000;
const WAIT = { timeout: 15_000, interval: 10 };

describe.skipIf(!hasRedis()).each(CLIENTS)('RedisStore with a client of %s', (_, openClient: OpenClient) => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ appendOnly: true });
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  function openStore(options: ClientOptions & { readonly port?: number } = {}): TestClient & { store: RedisStore } {
    const { port = server.port, ...clientOptions } = options;
    const opened = openClient(port, clientOptions);
    const store = new RedisStore(opened.client, { prefix: randomUUID() });
    onTestFinished(async () => {
      await store.close();
      await opened.close();
    });
    return { ...opened, store };
  }

  /** Waits until the client has noticed the outage. */
  async function away({ client }: TestClient): Promise<void> {
    const driver = driverOf(client);
    await vi.waitFor(() => expect(driver.state).not.toBe('ready'), WAIT);
  }

  test('commands to a killed server fail at once, however many, and succeed again after a restart', async () => {
    const opened = openStore();
    const { store } = opened;
    const version = await store.set(ID, { token: SECRET }, 0);
    await server.kill();
    await away(opened);
    const commands = Array.from({ length: MANY }, (__, index) => store.set(`key/wx${index}/a`, { token: SECRET }, 0));
    const settled = await Promise.allSettled(commands);
    expect(new Set(settled.map(({ status }) => status))).toEqual(new Set(['rejected']));
    for (const failure of settled.slice(0, 3)) {
      expect(failure).toMatchObject({
        reason: { name: 'RedisFailure', message: expect.stringMatching(/^no connection/) },
      });
      expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(SECRET);
    }
    await server.restart();
    await vi.waitFor(() => store.now(), WAIT);
    expect(await store.get([ID, 'key/wx5/a'])).toEqual([{ id: ID, version, data: { token: SECRET } }, undefined]);
  });

  test('a watch notifies that something may have been missed after a restart, and goes on', async () => {
    const { store } = openStore();
    const told: (string | undefined)[] = [];
    const end = await store.watch((id) => told.push(id));
    await store.set(ID, {}, 0);
    await vi.waitFor(() => expect(told).toContain(ID), WAIT);
    expect(told).not.toContain(undefined);
    await server.kill();
    await server.restart();
    await vi.waitFor(() => expect(told).toContain(undefined), WAIT);
    await vi.waitFor(() => store.set('key/wx2/a', {}, 0), WAIT);
    await vi.waitFor(() => expect(told).toContain('key/wx2/a'), WAIT);
    await end();
  });

  test('a client that its owner closed is not reopened', async () => {
    const opened = openStore();
    const { store } = opened;
    await store.now();
    await opened.close();
    await vi.waitFor(() => expect(driverOf(opened.client).state).toMatch(/^(closed|unopened)$/), WAIT);
    const closed = { name: 'RedisFailure', message: expect.stringContaining('the Redis client is closed') };
    await expect(store.now()).rejects.toMatchObject(closed);
    await expect(store.get([ID])).rejects.toMatchObject(closed);
    await expect(store.set(ID, {}, 0)).rejects.toMatchObject(closed);
    await expect(store.lease(ID, 1)).rejects.toMatchObject(closed);
    await expect(store.claimDue(['a'], 1, 1)).rejects.toMatchObject(closed);
    await expect(store.watch(() => undefined)).rejects.toMatchObject(closed);
  });

  test('a wrong and a missing password have other errors than a missing connection', async () => {
    const admin = openStore();
    await admin.store.now();
    await admin.command('CONFIG', 'SET', 'requirepass', 'right-password');
    onTestFinished(async () => void (await admin.command('CONFIG', 'SET', 'requirepass', '')));
    const wrong = openStore({ password: SECRET });
    const failure = await wrong.store.now().then(Promise.reject, (error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'WRONGPASS',
      message: expect.stringMatching(
        /^Redis rejected the user name or password \(WRONGPASS\): invalid username-password/,
      ),
    });
    expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(SECRET);
    await expect(wrong.store.watch(() => undefined)).rejects.toMatchObject({ code: 'WRONGPASS' });
    await expect(openStore().store.now()).rejects.toMatchObject({ code: 'NOAUTH' });
    expect(await openStore({ password: 'right-password' }).store.now()).toBeGreaterThan(0);
  });

  test('an unreachable server is reported with the error of the system', async () => {
    const spare = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => spare.once('listening', resolve));
    const address = spare.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => spare.close(resolve));
    const { store } = openStore({ port });
    const refused = {
      code: 'ECONNREFUSED',
      message: `no connection to Redis (ECONNREFUSED): connect ECONNREFUSED 127.0.0.1:${port}`,
    };
    await expect(store.now()).rejects.toMatchObject(refused);
    await expect(store.watch(() => undefined)).rejects.toMatchObject(refused);
  });

  test('a replica can be read, and a write to it is an error that says so', async () => {
    const { store, command } = openStore();
    const version = (await store.set(ID, { n: 1 }, 0)) ?? 0;
    await command('REPLICAOF', '127.0.0.1', '1');
    onTestFinished(async () => void (await command('REPLICAOF', 'NO', 'ONE')));
    expect((await store.get([ID]))[0]?.version).toBe(version);
    for (const write of [store.set(ID, {}, version), store.delete(ID, version), store.lease(ID, LEASE_MS)]) {
      await expect(write).rejects.toMatchObject({
        code: 'READONLY',
        message: expect.stringContaining('a read-only replica'),
      });
    }
  });

  test('a server without memory refuses a write, and nothing is changed', async () => {
    const { store, command } = openStore();
    const version = (await store.set(ID, { n: 1 }, 0)) ?? 0;
    await command('CONFIG', 'SET', 'maxmemory', '1');
    onTestFinished(async () => void (await command('CONFIG', 'SET', 'maxmemory', '0')));
    const failure = await store.set(ID, { token: SECRET }, version).then(Promise.reject, (error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'OOM',
      message: expect.stringMatching(
        /^Redis is out of memory \(OOM\): command not allowed when used memory > 'maxmemory'\.?$/,
      ),
    });
    expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(SECRET);
    await expect(store.set('key/wx2/a', {}, 0, { due: { lane: 'a', at: 1 } })).rejects.toMatchObject({ code: 'OOM' });
    expect(await store.get([ID, 'key/wx2/a'])).toEqual([{ id: ID, version, data: { n: 1 } }, undefined]);
  });

  test('a server that does not answer keeps a bounded number of commands waiting', async () => {
    const { store } = openStore();
    await store.now();
    server.pause();
    onTestFinished(() => server.resume());
    const watching = expect(store.watch(() => undefined)).rejects.toThrow('Redis did not subscribe within 2000 ms');
    const waiting = Array.from({ length: MANY }, () => store.get([ID]));
    await vi.waitFor(async () => {
      const more = store.get([ID]);
      waiting.push(more);
      const outcome = await Promise.race([more.catch((error: Error) => error.message), new Promise(setImmediate)]);
      expect(outcome).toBe('Redis does not answer');
    }, WAIT);
    const refused = waiting.pop();
    await expect(refused).rejects.toThrow('Redis does not answer');
    await watching;
    server.resume();
    expect(await Promise.all(waiting)).toHaveLength(waiting.length);
  });
});
