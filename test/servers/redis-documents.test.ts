import { randomUUID } from 'node:crypto';
import { Redis as IoRedis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ChangeListener, StoredDocument } from '../../src/core/model/store.js';
import { unseal } from '../../src/core/store/document-codec.js';
import { RedisStore } from '../../src/stores/redis/index.js';
import { hasRedis, type RedisServer, startRedis } from '../support/servers/redis-server.js';

const ID = 'key/wx1/access_token';
const LANE = 'access_token';
const LEASE_MS = 60_000;

describe.skipIf(!hasRedis())('RedisStore: documents', () => {
  let server: RedisServer;
  let redis: ReturnType<typeof createClient>;

  beforeAll(async () => {
    // This is a cluster of one node, because only a cluster reports the slots of keys.
    server = await startRedis({ cluster: true });
    redis = createClient({ url: server.url });
    await redis.connect();
  });

  afterAll(async () => {
    redis.destroy();
    await server[Symbol.asyncDispose]();
  });

  function openStore(prefix: string = randomUUID()): { store: RedisStore; prefix: string } {
    const store = new RedisStore(redis, { prefix });
    onTestFinished(() => store.close());
    return { store, prefix };
  }

  async function fill(store: RedisStore): Promise<void> {
    await store.set(ID, { n: 1 }, 0, { due: { lane: LANE, at: 1 } });
    await store.set('key/wx2/a', {}, 0, { due: { lane: 'a"},"data":{', at: 2 } });
    await store.set('app/wx1', {}, 0);
    await store.lease('app/wx1', LEASE_MS);
    await store.claimDue([LANE], 1, LEASE_MS);
  }

  test.each([
    [2 * LEASE_MS - 2_000, 'held', []],
    [2 * LEASE_MS + 2_000, 'free', [ID]],
    [Number.POSITIVE_INFINITY, 'free', [ID]],
  ])(
    'a lease that ends %s ms from now is %s: only a clock that was ahead, or a restored copy, has a longer one',
    async (aheadMs, _, claimed) => {
      const { store, prefix } = openStore();
      const other = 'key/wx2/access_token';
      await store.set(ID, {}, 0, { due: { lane: LANE, at: 1 } });
      for (const id of [other, ID]) {
        await store.lease(id, LEASE_MS);
        const key = `{${prefix}}:lease:${id}`;
        await (aheadMs === Number.POSITIVE_INFINITY ? redis.persist(key) : redis.pExpire(key, aheadMs));
      }
      // The lease was granted long ago, so the claim looks at the document.
      await redis.zAdd(`{${prefix}}:due:${LANE}`, { score: 1, value: ID });
      expect((await store.claimDue([LANE], 5, LEASE_MS)).map(({ id }) => id)).toEqual(claimed);
      expect((await store.lease(other, LEASE_MS)) === undefined).toBe(claimed.length === 0);
    },
  );

  test.each([
    [366 * 86_400_000 - 2_000, []],
    [366 * 86_400_000 + 2_000, [ID]],
  ])('a document due in %i ms is claimed then, or now if no token lives that long', async (aheadMs, claimed) => {
    const { store } = openStore();
    await store.set(ID, {}, 0, { due: { lane: LANE, at: (await store.now()) + aheadMs } });
    expect((await store.claimDue(['other', LANE], 5, LEASE_MS)).map(({ id }) => id)).toEqual(claimed);
    expect(await store.claimDue(['other', LANE], 5, LEASE_MS)).toEqual([]);
  });

  test('no document ever expires, leased or not', async () => {
    const { store, prefix } = openStore();
    await fill(store);
    const lifetimes: Record<string, number> = {};
    for (const key of await redis.keys(`{${prefix}}:*`)) {
      lifetimes[key.slice(prefix.length + 3)] = await redis.pTTL(key);
    }
    const leases = Object.keys(lifetimes).filter((key) => key.startsWith('lease:'));
    expect(leases.sort()).toEqual(['lease:app/wx1', `lease:${ID}`]);
    for (const [key, lifetime] of Object.entries(lifetimes)) {
      if (key.startsWith('lease:')) expect(lifetime, key).toBeGreaterThan(0);
      else expect(lifetime, key).toBe(-1);
    }
    expect(Object.keys(lifetimes)).toContain(`doc:${ID}`);
  });

  test.each(['plain', 'of{our}own', 'a}b{c', '{}', 'x{}y'])(
    'all keys are in one slot of a cluster: prefix %s',
    async (prefix) => {
      const { store } = openStore(`${prefix}${randomUUID()}`);
      const before = new Set(await redis.keys('*'));
      await fill(store);
      const slots = new Set<number>();
      for (const key of await redis.keys('*')) if (!before.has(key)) slots.add(await redis.clusterKeySlot(key));
      expect(slots.size).toBe(1);
    },
  );

  test('a lane may have any characters', async () => {
    const { store } = openStore();
    const lane = 'a"},"data":{\\ 微';
    const version = (await store.set(ID, { n: 1 }, 0, { due: { lane, at: 1 } })) ?? 0;
    const [lease] = await store.claimDue([lane], 1, LEASE_MS);
    expect(lease?.document).toEqual({ id: ID, version, data: { n: 1 }, due: { lane, at: 1 } });
    expect(await store.set(ID, {}, version, lease === undefined ? {} : { lease })).toBeGreaterThan(version);
    expect(await store.claimDue([lane], 1, LEASE_MS)).toEqual([]);
  });

  test('a due that is not a time is refused', async () => {
    const { store } = openStore();
    const due = { lane: LANE, at: Number.NaN };
    await expect(store.set(ID, {}, 0, { due })).rejects.toThrow(
      'due must have a lane and a time in epoch milliseconds',
    );
    expect(await store.get([ID])).toEqual([undefined]);
  });

  test('empty arrays stay arrays in every answer', async () => {
    const { store } = openStore();
    const data = { array: [], nested: [{ array: [[]] }], object: {}, large: Number.MAX_SAFE_INTEGER };
    await store.set(ID, data, 0, { due: { lane: LANE, at: 1 } });
    expect((await store.get([ID]))[0]?.data).toEqual(data);
    const [claimed] = await store.claimDue([LANE], 1, LEASE_MS);
    expect(claimed?.document?.data).toEqual(data);
    await claimed?.release();
    expect((await store.lease(ID, LEASE_MS))?.document?.data).toEqual(data);
  });

  test('versions exceed all earlier ones, in microseconds of the time of Redis', async () => {
    const { store, prefix } = openStore();
    const now = (await store.now()) * 1_000;
    const first = (await store.set(ID, {}, 0)) ?? 0;
    expect(first).toBeGreaterThanOrEqual(now);
    const highest = Number.MAX_SAFE_INTEGER - 10;
    await redis.set(`{${prefix}}:version`, String(highest));
    const second = await store.set(ID, {}, first);
    expect(second).toBe(highest + 1);
    expect(await store.delete(ID, highest + 1)).toBe(true);
    expect(await store.set(ID, {}, 0)).toBe(highest + 2);
    await redis.del(`{${prefix}}:version`);
    expect(await store.set(ID, {}, highest + 2)).toBe(highest + 3);
  });

  test('stores with different prefixes share nothing', async () => {
    const one = openStore('apart').store;
    const other = openStore('apart2').store;
    await fill(one);
    expect(await other.get([ID])).toEqual([undefined]);
    expect(await other.claimDue(['a"},"data":{'], 5, LEASE_MS)).toEqual([]);
    expect(await other.lease(ID, LEASE_MS)).toBeDefined();
    for await (const document of other.list('key')) expect(document).toBeUndefined();
    expect(await other.set(ID, { other: true }, 0)).toBeDefined();
    expect((await one.get([ID]))[0]?.data).toEqual({ n: 1 });
  });

  test('scripts that are gone from the server are loaded again', async () => {
    const { store } = openStore();
    const version = (await store.set(ID, {}, 0)) ?? 0;
    await redis.scriptFlush();
    expect(await store.set(ID, { n: 2 }, version)).toBeGreaterThan(version);
    await redis.scriptFlush();
    expect((await store.get([ID]))[0]?.data).toEqual({ n: 2 });
  });

  test('a prefix of the client applies as well', async () => {
    const client = new IoRedis({ port: server.port, keyPrefix: `tenant-${randomUUID()}:` });
    const store = new RedisStore(client, { prefix: 'same' });
    const other = openStore('same').store;
    onTestFinished(async () => {
      await store.close();
      client.disconnect();
    });
    await fill(store);
    expect((await store.get([ID]))[0]?.data).toEqual({ n: 1 });
    const ids = [];
    for await (const { id } of store.list('key')) ids.push(id);
    expect(ids).toEqual([ID, 'key/wx2/a']);
    expect(await other.get([ID])).toEqual([undefined]);
  });

  test.each([
    ['a hash', (key: string) => redis.hSet(key, 'field', 'value')],
    ['no JSON', (key: string) => redis.set(key, 'whatever')],
    ['other JSON', (key: string) => redis.set(key, '{"token":"secret"}')],
    ['JSON that is no object', (key: string) => redis.set(key, '5')],
    ['an object without data', (key: string) => redis.set(key, '{"version":5,"data":[]}')],
  ])('a value that is no document is left alone: %s', async (_, plant) => {
    const { store, prefix } = openStore();
    await store.set('key/wx0/a', {}, 0, { due: { lane: LANE, at: 2 } });
    await store.set(ID, {}, 0, { due: { lane: LANE, at: 1 } });
    const key = `{${prefix}}:doc:${ID}`;
    await redis.del(key);
    await plant(key);
    const planted = await redis.dump(key);
    const error = { name: 'ForeignValue', message: expect.stringContaining(ID) };
    const [beside, none] = await store.get(['key/wx0/a', ID]);
    expect(beside?.data).toEqual({});
    expect(() => unseal(none as StoredDocument)).toThrow(`the stored document ${ID} cannot be read`);
    const listed = [];
    for await (const document of store.list('key')) listed.push(document);
    expect(listed).toEqual([beside, none]);
    await expect(store.set(ID, {}, 0)).rejects.toMatchObject(error);
    await expect(store.set(ID, {}, 5)).rejects.toMatchObject(error);
    await expect(store.delete(ID, 5)).rejects.toMatchObject(error);
    await expect(store.lease(ID, LEASE_MS)).rejects.toMatchObject(error);
    expect((await store.claimDue([LANE], 5, LEASE_MS)).map(({ id }) => id)).toEqual(['key/wx0/a']);
    expect(await redis.dump(key)).toEqual(planted);
  });

  test('a claim returns what is due beside a damaged document', async () => {
    const { store, prefix } = openStore();
    await store.set('key/wx0/a', {}, 0, { due: { lane: LANE, at: 2 } });
    await store.set(ID, { value: 'v' }, 0, { due: { lane: LANE, at: 1 } });
    const key = `{${prefix}}:doc:${ID}`;
    await redis.set(key, ((await redis.get(key)) as string).slice(0, -3));
    const planted = await redis.get(key);
    const [damaged, whole] = await store.claimDue([LANE], 5, LEASE_MS);
    expect(() => unseal(damaged?.document as StoredDocument)).toThrow(`the stored document ${ID} cannot be read`);
    expect(whole?.document?.data).toEqual({});
    await damaged?.release();
    expect((await store.lease(ID, LEASE_MS))?.document).toEqual(damaged?.document);
    expect(await redis.get(key)).toBe(planted);
  });

  test('a watch notifies with the version that was written, 0 for a delete', async () => {
    const { store } = openStore();
    const told: unknown[] = [];
    const tell: ChangeListener = (id, version) => told.push({ id, version });
    await store.watch(tell);
    const version = (await store.set(ID, {}, 0)) ?? 0;
    await store.delete(ID, version);
    const expected = [
      { id: ID, version },
      { id: ID, version: 0 },
    ];
    await vi.waitFor(() => expect(told).toEqual(expected), { timeout: 20_000 });
  });

  test('each operation takes one command, and a claim that finds something two', async () => {
    const { store } = openStore();
    await fill(store);
    await (await store.lease('key/wx3/a', LEASE_MS))?.release();
    await store.delete('key/wx4/a', 1);
    let sent = 0;
    const client = createClient({ url: server.url });
    const send = client.sendCommand.bind(client);
    client.sendCommand = ((args: string[]) => {
      sent += 1;
      return send(args);
    }) as typeof client.sendCommand;
    await client.connect();
    onTestFinished(() => client.destroy());
    const counted = new RedisStore(client, { prefix: randomUUID() });
    onTestFinished(() => counted.close());
    const tripsOf = async <Answer>(run: () => Promise<Answer>): Promise<[number, Answer]> => {
      sent = 0;
      const answer = await run();
      return [sent, answer];
    };
    const ids = Array.from({ length: 600 }, (_, index) => `key/wx${index}/a`);
    const due = { lane: 'a', at: 1 };
    for (const id of ids) expect((await tripsOf(() => counted.set(id, {}, 0, { due })))[0]).toBe(1);
    for (const count of [1, 3, 5, 256]) {
      await counted.get(ids.slice(0, count));
      expect((await tripsOf(() => counted.get(ids.slice(0, count))))[0], `${count} documents`).toBe(1);
    }
    await counted.get(ids);
    expect((await tripsOf(() => counted.get(ids)))[0]).toBe(3);
    expect((await tripsOf(() => counted.claimDue(['a', LANE], 0, LEASE_MS)))[0]).toBe(0);
    await counted.claimDue(['a'], 48, LEASE_MS);
    const [trips, leases] = await tripsOf(() => counted.claimDue(['a'], 48, LEASE_MS));
    expect([trips, leases.length]).toEqual([2, 48]);
    await counted.claimDue(['b'], 48, LEASE_MS);
    expect((await tripsOf(() => counted.claimDue(['b'], 48, LEASE_MS)))[0]).toBe(1);
    expect((await tripsOf(async () => leases[0]?.release()))[0]).toBe(1);
    const id = leases[0]?.id ?? '';
    const [leaseTrips, lease] = await tripsOf(() => counted.lease(id, LEASE_MS));
    expect([leaseTrips, lease?.document?.id]).toEqual([1, id]);
    expect(await tripsOf(() => counted.delete(id, lease?.document?.version ?? 0))).toEqual([1, true]);
  });

  test('a document is due only in the lane of its latest write', async () => {
    const { store, prefix } = openStore();
    const lanes = ['one', 'two', 'three'];
    const dues = async (): Promise<string[]> => {
      const held = await Promise.all(lanes.map((lane) => redis.zScore(`{${prefix}}:due:${lane}`, ID)));
      return lanes.filter((_, index) => held[index] !== null);
    };
    let version = (await store.set(ID, {}, 0, { due: { lane: 'one', at: 1 } })) ?? 0;
    expect(await dues()).toEqual(['one']);
    version = (await store.set(ID, {}, version, { due: { lane: 'two', at: 1 } })) ?? 0;
    expect(await dues()).toEqual(['two']);
    const lease = await store.lease(ID, LEASE_MS);
    expect(lease?.document?.due?.lane).toBe('two');
    version = (await store.set(ID, {}, version, { due: { lane: 'three', at: 1 } })) ?? 0;
    await lease?.release();
    expect(await redis.zScore(`{${prefix}}:due:three`, ID)).toBe(1);
    version = (await store.set(ID, {}, version)) ?? 0;
    expect(await dues()).toEqual([]);
    version = (await store.set(ID, {}, version, { due: { lane: 'one', at: 1 } })) ?? 0;
    expect(await store.delete(ID, version)).toBe(true);
    expect(await dues()).toEqual([]);
  });

  test('a document that is deleted between the two steps of a claim leaves nothing in the schedule', async () => {
    const { store, prefix } = openStore();
    await store.set(ID, {}, 0, { due: { lane: LANE, at: 1 } });
    await store.set('key/wx2/access_token', {}, 0, { due: { lane: LANE, at: 2 } });
    const client = createClient({ url: server.url });
    const send = client.sendCommand.bind(client);
    let commands = 0;
    client.sendCommand = (async (args: string[]) => {
      const answer = await send(args).catch((error: unknown) => Promise.reject(error));
      // The client knows what was found; it has not sent the claim yet.
      if (++commands === 1) await redis.del(`{${prefix}}:doc:${ID}`);
      return answer;
    }) as typeof client.sendCommand;
    const claiming = new RedisStore(client, { prefix });
    onTestFinished(() => claiming.close());
    await store.claimDue(['warm'], 1, LEASE_MS);
    expect((await claiming.claimDue([LANE], 5, LEASE_MS)).map(({ id }) => id)).toEqual(['key/wx2/access_token']);
    expect(await redis.zScore(`{${prefix}}:due:${LANE}`, ID)).toBeNull();
  });

  test('a claim whose second step fails leaves what it found to the next claim within a second', async () => {
    const { store, prefix } = openStore();
    await store.set(ID, {}, 0, { due: { lane: LANE, at: 1 } });
    await store.claimDue(['warm'], 1, LEASE_MS);
    const client = createClient({ url: server.url });
    const send = client.sendCommand.bind(client);
    let commands = 0;
    client.sendCommand = (async (args: string[]) => {
      if (++commands === 2) throw new Error('cut');
      return send(args);
    }) as typeof client.sendCommand;
    const failing = new RedisStore(client, { prefix });
    onTestFinished(() => failing.close());
    await expect(failing.claimDue([LANE], 5, LEASE_MS)).rejects.toMatchObject({ name: 'RedisFailure' });
    const at = (await redis.zScore(`{${prefix}}:due:${LANE}`, ID)) ?? 0;
    expect(at - (await store.now())).toBeLessThanOrEqual(1_000);
  });

  test('a lease that is requested twice by the same command is the same', async () => {
    const { store, prefix } = openStore();
    const client = createClient({ url: server.url });
    const send = client.sendCommand.bind(client);
    // A client does this that lost its connection before the answer came.
    client.sendCommand = (async (args: string[]) => {
      await send(args);
      return send(args);
    }) as typeof client.sendCommand;
    const repeating = new RedisStore(client, { prefix });
    onTestFinished(() => repeating.close());
    await store.set(ID, {}, 0);
    const lease = await repeating.lease(ID, LEASE_MS);
    expect(lease?.document?.id).toBe(ID);
    expect(await store.lease(ID, LEASE_MS)).toBeUndefined();
  });

  test('a claim checks a leased document once, and not again until the lease expires', async () => {
    const { store, prefix } = openStore();
    await store.set(ID, {}, 0, { due: { lane: LANE, at: 1 } });
    const lease = await store.lease(ID, LEASE_MS);
    const key = `{${prefix}}:due:${LANE}`;
    expect(await redis.zScore(key, ID)).toBeGreaterThan(await store.now());
    await redis.zAdd(key, { score: 1, value: ID });
    expect(await store.claimDue([LANE], 1, LEASE_MS)).toEqual([]);
    expect(await redis.zScore(key, ID)).toBeGreaterThan(await store.now());
    await lease?.release();
    expect(await redis.zScore(key, ID)).toBe(1);
  });

  test('a claim corrects an index that contradicts the document', async () => {
    const { store, prefix } = openStore();
    const later = (await store.now()) + LEASE_MS;
    await store.set(ID, {}, 0, { due: { lane: LANE, at: later } });
    await store.set('key/wx2/a', {}, 0);
    await store.set('key/wx3/a', {}, 0, { due: { lane: 'other', at: 1 } });
    const key = `{${prefix}}:due:${LANE}`;
    await redis.zAdd(
      key,
      ['key/wx2/a', 'key/wx3/a', ID].map((value) => ({ score: 1, value })),
    );
    expect(await store.claimDue([LANE], 5, LEASE_MS)).toEqual([]);
    expect(await redis.zRangeWithScores(key, 0, -1)).toEqual([{ value: ID, score: later }]);
    expect((await store.claimDue(['other'], 5, LEASE_MS)).map(({ id }) => id)).toEqual(['key/wx3/a']);
  });

  test('a lease survives the delete of its document', async () => {
    const { store } = openStore();
    const version = (await store.set(ID, {}, 0)) ?? 0;
    const lease = await store.lease(ID, LEASE_MS);
    await store.delete(ID, version);
    await store.set(ID, {}, 0, { due: { lane: LANE, at: 1 } });
    expect(await store.claimDue([LANE], 1, LEASE_MS)).toEqual([]);
    await lease?.release();
    expect(await store.claimDue([LANE], 1, LEASE_MS)).toHaveLength(1);
  });
});
