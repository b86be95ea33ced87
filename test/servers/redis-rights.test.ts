import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { RedisStore } from '../../src/stores/redis/index.js';
import { CLIENTS } from '../support/servers/redis-clients.js';
import { hasRedis, type RedisServer, startRedis } from '../support/servers/redis-server.js';

const ID = 'key/wx1/access_token';
const LANE = 'access_token';
const LEASE_MS = 60_000;
const WAIT = { timeout: 15_000, interval: 10 };
const docs = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8');
/** The rights that docs/fleet.md gives to a user for the prefix `shop`. */
const [, rights = ''] = /^ACL SETUSER tokens on >password (.+)$/m.exec(docs) ?? [];

describe.skipIf(!hasRedis())('the rights that docs/fleet.md names', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
    const [, open] = CLIENTS[0] as (typeof CLIENTS)[number];
    const admin = open(server.port);
    const store = new RedisStore(admin.client);
    await store.now();
    await admin.command('ACL', 'SETUSER', 'default', 'reset', 'on', '>password', ...rights.split(' '));
    await store.close();
  });

  afterAll(() => server?.[Symbol.asyncDispose]());

  test.each(CLIENTS)(
    'the documented rights are enough for all that a store does, with a client of %s',
    async (_, open) => {
      const { client } = open(server.port, { password: 'password' });
      const store = new RedisStore(client, { prefix: 'shop' });
      onTestFinished(() => store.close());
      const told: (string | undefined)[] = [];
      expect(await store.now()).toBeGreaterThan(0);
      const end = await store.watch((id) => told.push(id));
      const due = { lane: LANE, at: 1 };
      const first = (await store.set(ID, {}, 0, { due })) ?? 0;
      const [claimed] = await store.claimDue([LANE], 1, LEASE_MS);
      expect(claimed?.document?.version).toBe(first);
      expect(await store.lease(ID, LEASE_MS)).toBeUndefined();
      const second = (await store.set(ID, {}, first, { due })) ?? 0;
      await claimed?.release();
      for await (const { id, version } of store.list('key')) expect([id, version]).toEqual([ID, second]);
      expect(await store.delete(ID, second)).toBe(true);
      await vi.waitFor(() => expect(told).toEqual([ID, ID, ID]), WAIT);
      await end();
    },
  );

  test('the documented rights do not cover the keys of another prefix', async () => {
    const [, open] = CLIENTS[0] as (typeof CLIENTS)[number];
    const store = new RedisStore(open(server.port, { password: 'password' }).client, { prefix: 'other' });
    onTestFinished(() => store.close());
    await expect(store.get([ID])).rejects.toMatchObject({ code: 'NOPERM' });
  });
});
