import { describe, expect, test } from 'vitest';
import { createApiKey } from '../../../src/http/index.js';
import { type Answered, HttpProcess, HttpWorld, TASK } from '../../support/worlds/http-world.js';
import { APPID, SECRET, World } from '../../support/worlds/world.js';

const { entry, key } = createApiKey({ scopes: ['read'] });
const KEYS = { anonymous: false, keys: [entry], contracts: ['scheduler', 'wetoken', 'native'] } as const;
const PEER = '203.0.113.9';
const RIGHT = { headers: { Authorization: `Bearer ${key}` }, peer: PEER };
const WRONG = { headers: { Authorization: 'Bearer wtm_guess' }, peer: PEER };

async function registered(): Promise<HttpWorld> {
  const world = new HttpWorld(KEYS);
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  return world;
}

async function statuses(times: number, ask: (index: number) => Promise<Answered>): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < times; index++) found.push((await ask(index)).status);
  return found;
}

const REFUSED_20 = [...Array(20).fill(401), 429];
const secretPath = (secret: string, appid = APPID): string => `/${appid}/wechat/token/get?secret=${secret}`;

describe('a peer that is refused again and again', () => {
  test.each([
    ['with wrong keys', () => ({ path: TASK, asked: WRONG })],
    ['with wrong secrets', (index: number) => ({ path: secretPath(`guess${index}`), asked: { peer: PEER } })],
  ])('a peer %s gets 429 after 20 refusals, in the shape of the contract', async (_what, of) => {
    await using world = await registered();
    const ask = (index: number): Promise<Answered> => world.ask(of(index).path, of(index).asked);
    expect(await statuses(21, ask)).toEqual(REFUSED_20);
    const { headers, body } = await ask(21);
    expect(headers.get('retry-after')).toBe('1');
    expect(JSON.stringify(body)).toContain('too many requests from this address were refused');
    await world.clock.advance(1_000);
    expect(await statuses(2, ask)).toEqual([401, 429]);
  });

  test('a peer past its refusals is still answered with a right key or a right secret', async () => {
    await using world = await registered();
    await statuses(30, () => world.ask(TASK, WRONG));
    expect(await statuses(3, () => world.ask(TASK, RIGHT))).toEqual([200, 200, 200]);
    expect((await world.ask(secretPath(SECRET), { peer: PEER })).body).toMatchObject({ errcode: 0 });
    expect((await world.ask(TASK, WRONG)).status).toBe(429);
  });

  test('a peer past its refusals affects no other peer and no open route', async () => {
    await using world = await registered();
    await statuses(30, () => world.ask(TASK, WRONG));
    expect((await world.ask(TASK, { ...WRONG, peer: '203.0.113.10' })).status).toBe(401);
    expect((await world.ask('/healthz', { peer: PEER })).status).toBe(200);
    expect((await world.ask('/', { peer: PEER })).status).toBe(200);
  });

  test('a wrong key at the status page uses up a refusal', async () => {
    await using world = await registered();
    expect(await statuses(20, () => world.ask('/', WRONG))).toEqual(Array(20).fill(200));
    expect((await world.ask(TASK, WRONG)).status).toBe(429);
  });

  test('a request for an open route, or one that a right key may not make, uses up no refusal', async () => {
    await using world = await registered();
    await statuses(50, () => world.ask('/healthz', { peer: PEER }));
    const app = { method: 'PUT', body: {} };
    expect(await statuses(30, () => world.ask(`/apps/${APPID}`, { ...RIGHT, ...app }))).toEqual(Array(30).fill(403));
    expect((await world.ask(TASK, WRONG)).status).toBe(401);
  });

  test('refusals are counted by reason', async () => {
    await using world = await registered();
    await world.ask(TASK);
    await world.ask(TASK, WRONG);
    await world.ask(secretPath('guess'));
    await world.ask('/tokens', { headers: { 'sec-fetch-site': 'cross-site' } });
    const { body } = await world.ask('/metrics', RIGHT);
    for (const reason of ['noKey', 'unknownKey', 'secret', 'browser']) {
      expect(body).toContain(`wechat_token_manager_refused_requests_total{reason="${reason}"} 1\n`);
    }
    expect(body).toContain('wechat_token_manager_refused_requests_total{reason="throttled"} 0\n');
    expect(body).toContain('wechat_token_manager_refused_connections_total 0\n');
  });
});

describe('look-ups in a shared store', () => {
  async function started() {
    const world = new World({ fleet: true });
    const { tokens, ask } = boundProcess(world);
    await tokens.start();
    let reads = 0;
    const { store } = world;
    const get = store.get.bind(store);
    store.get = (ids) => {
      reads += 1;
      return get(ids);
    };
    return { world, ask, reads: () => reads };
  }

  function boundProcess(world: World) {
    const process = new HttpProcess(world, KEYS);
    return { tokens: process.tokens, ask: process.ask.bind(process) };
  }

  test('the store is read at most 20 times a second for secrets of apps that are not cached', async () => {
    const { world, ask, reads } = await started();
    await using _closing = world;
    const found = await statuses(500, (index) =>
      ask(secretPath('guess', `wx-made-up-${index}`), { peer: `203.0.${index >> 8}.${index & 255}` }),
    );
    expect(found.filter((status) => status === 401)).toHaveLength(20);
    expect(found.filter((status) => status === 429)).toHaveLength(480);
    expect(reads()).toBeGreaterThan(0);
    expect(reads()).toBeLessThanOrEqual(20);
  });

  test('the store is not read for a peer that has used up its refusals', async () => {
    const { world, ask, reads } = await started();
    await using _closing = world;
    await statuses(20, () => ask(TASK, WRONG));
    expect(await statuses(20, (index) => ask(secretPath('guess', `wx-${index}`), { peer: PEER }))).toEqual(
      Array(20).fill(429),
    );
    expect(reads()).toBe(0);
  });

  test('the store is read at most 20 times for simultaneous requests of one peer', async () => {
    const { world, ask, reads } = await started();
    await using _closing = world;
    const guess = (index: number) => ask(secretPath('guess', `wx-made-up-${index}`), { peer: PEER });
    await statuses(15, guess);
    // The store may be read 20 times again, but this peer has six refusals left.
    await world.clock.advance(1_000);
    const before = reads();
    const found = await Promise.all(Array.from({ length: 40 }, (_, index) => guess(100 + index)));
    expect(found.map(({ status }) => status).toSorted()).toEqual([...Array(6).fill(401), ...Array(34).fill(429)]);
    expect(reads() - before).toBeLessThanOrEqual(6);
  });

  test('simultaneous requests with one right secret share a read of the store and are all accepted', async () => {
    const { world, ask, reads } = await started();
    await using _closing = world;
    await world.manager().register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    const before = reads();
    const asked = Array.from({ length: 50 }, () => ask(secretPath(SECRET), { peer: PEER }));
    for (const { body } of await Promise.all(asked)) expect(body).toMatchObject({ errcode: 0 });
    expect(reads() - before).toBeLessThan(20);
    expect(await statuses(21, () => ask(TASK, WRONG))).toEqual(REFUSED_20);
  });

  test('the right secrets of any number of apps are accepted from one peer at the same time, as after a start', async () => {
    const { world, ask } = await started();
    await using _closing = world;
    const appids = Array.from({ length: 60 }, (_, index) => `wx-${index}`);
    const manager = world.manager();
    for (const appid of appids) await manager.register({ appid, secret: SECRET, tasks: ['access_token'] });
    const path = (appid: string) => secretPath(SECRET, appid);
    const asked = await Promise.all(appids.map((appid) => ask(path(appid), { peer: PEER })));
    expect(asked.map(({ body }) => (body as { errcode: number }).errcode)).toEqual(Array(60).fill(0));
    expect(await statuses(21, () => ask(TASK, WRONG))).toEqual(REFUSED_20);
  });

  test('a store that fails uses up no refusal of a peer', async () => {
    const { world, ask } = await started();
    await using _closing = world;
    const { get } = world.store;
    world.store.get = async () => Promise.reject(new Error('away'));
    await statuses(15, (index) => ask(secretPath('guess', `wx-made-up-${index}`), { peer: PEER }));
    world.store.get = get;
    expect(await statuses(21, () => ask(TASK, WRONG))).toEqual(REFUSED_20);
  });

  test('a right secret of an app that another server has registered is accepted', async () => {
    const { world, ask } = await started();
    await using _closing = world;
    await world.manager().register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    expect((await ask(secretPath(SECRET), { peer: PEER })).body).toMatchObject({ errcode: 0 });
  });
});

describe('expiry and listing of keys', () => {
  const names = { scopes: ['read'], note: 'shop' } as const;

  test.each([
    [-1, 200],
    [0, 401],
    [1, 401],
  ])('a key is rejected from its expiry on: %i ms after it, %i', async (ms, status) => {
    await using world = new HttpWorld({ ...KEYS, keys: [entry] });
    const expiresAt = world.clock.now() + 60_000;
    const limited = createApiKey({ ...names, expiresAt }, undefined, world.clock.now());
    await using other = new HttpWorld({ ...KEYS, keys: [limited.entry] });
    await other.clock.advance(60_000 + ms);
    const answer = await other.ask('/tokens', { headers: { Authorization: `Bearer ${limited.key}` } });
    expect(answer.status).toBe(status);
    if (status === 401) expect(answer.body).toMatchObject({ detail: 'the API key in Authorization has expired' });
  });

  test('keys are listed without hashes, with the time of their last use', async () => {
    const shop = createApiKey({ ...names, expiresAt: Date.UTC(2100) });
    await using world = new HttpWorld({ ...KEYS, keys: [entry, shop.entry] });
    const usedAt = world.clock.now();
    await world.ask('/tokens', RIGHT);
    await world.clock.advance(5_000);
    const { body } = await world.ask('/keys', { headers: { Authorization: `Bearer ${shop.key}` } });
    const { hash: _hash, ...shown } = shop.entry;
    expect(body).toEqual({
      keys: [
        { id: entry.id, scopes: ['read'], createdAt: entry.createdAt, lastUsedAt: usedAt },
        { ...shown, lastUsedAt: usedAt + 5_000 },
      ],
    });
    const metrics = await world.ask('/metrics', RIGHT);
    const seconds = (usedAt + 5_000) / 1_000;
    expect(metrics.body).toContain(
      `wechat_token_manager_key_last_used_timestamp_seconds{key="${shop.entry.id}",note="shop"} ${seconds}\n`,
    );
  });

  test('a key for some apps is shown itself and no other key', async () => {
    const limited = createApiKey({ ...names, appids: [APPID] });
    await using world = new HttpWorld({ ...KEYS, keys: [entry, limited.entry] });
    await world.ask('/tokens', RIGHT);
    const asked = { headers: { Authorization: `Bearer ${limited.key}` } };
    expect((await world.ask('/keys', asked)).body).toMatchObject({ keys: [{ id: limited.entry.id }] });
    expect(JSON.stringify((await world.ask('/keys', asked)).body)).not.toContain(entry.id);
    expect((await world.ask('/metrics', asked)).body).not.toContain(entry.id);
  });
});

test('readiness reads a failing store once a second at most', async () => {
  await using world = new HttpWorld(KEYS);
  await world.tokens.start();
  let looks = 0;
  world.store.now = async () => {
    looks += 1;
    throw new Error('away');
  };
  await world.clock.advance(20_000);
  const before = looks;
  await statuses(50, () => world.ask('/readyz'));
  expect(looks - before).toBeLessThanOrEqual(1);
});
