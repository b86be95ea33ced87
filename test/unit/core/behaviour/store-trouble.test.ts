import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { ownScheduleTest } from '../../../support/worlds/fleet-mode.js';
import { faulty, USER, TYPE as USER_TYPE } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;

function troubled(): { world: World; store: FaultyStore } {
  let store: FaultyStore | undefined;
  const world = new World({ store: (memory) => (store = new FaultyStore(memory)) });
  return { world, store: store as FaultyStore };
}

const broken = (methods: readonly string[]) => (method: string) => {
  if (methods.includes(method)) throw new Error(`CANARY ${method} is broken`);
};

test('an unavailable store leaves hits as they are, and is reported once at each edge', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  store.before = broken(['now', 'get', 'set', 'lease', 'claimDue', 'list', 'delete']);
  await world.clock.advance(30 * 60_000);
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  expect(world.wechat.calls).toBe(1);
  store.before = () => {};
  await world.clock.advance(2 * 60_000);
  expect(world.log.filter((line) => line.startsWith('store'))).toEqual([
    'storeUnavailable STORE_UNAVAILABLE',
    'storeAvailable',
  ]);
});

test('an unavailable store causes no herd upstream, neither during nor after', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  store.before = broken(['now', 'get', 'set', 'lease', 'claimDue', 'list', 'delete']);
  await world.clock.advance(LIFE_MS + 3_600_000);
  expect(world.wechat.calls).toBe(1);
  const commands = store.calls.length;
  await world.clock.advance(3_600_000);
  expect(store.calls.length - commands).toBeLessThan(400);
  store.before = () => {};
  await world.clock.advance(61_000);
  expect(world.wechat.calls).toBe(2);
});

test.each([
  { who: 'a process that refreshes', options: {} },
  { who: 'a process that never refreshes', options: { refresh: 'never' } },
] as const)(
  'a store that takes writes again is available within a minute to $who, even with nothing to write',
  async ({ options }) => {
    const { world, store } = troubled();
    await using _ = world;
    await (await world.registered()).get(APPID, TYPE);
    const tokens = world.manager(options);
    await tokens.start();
    const edges: string[] = [];
    for (const edge of ['storeUnavailable', 'storeAvailable'] as const) tokens.on(edge, () => void edges.push(edge));
    store.before = broken(['set', 'lease']);
    await expect(tokens.register({ appid: 'wx-other', secret: SECRET })).rejects.toThrow("the store's lease failed");
    await world.clock.advance(5 * 60_000);
    expect(edges).toEqual(['storeUnavailable']);
    store.before = () => {};
    await world.clock.advance(61_000);
    expect(edges).toEqual(['storeUnavailable', 'storeAvailable']);
  },
);

test('I3: a grant that the store did not take is answered, offered again, and written in the end', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const tokens = await world.registered();
  store.before = (method, id) => {
    if (method === 'set' && id?.startsWith('key/')) throw new Error('disk full');
  };
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  await world.clock.advance(10_000);
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  store.before = () => {};
  await world.clock.advance(61_000);
  expect(world.wechat.calls).toBe(1);
  const next = world.manager();
  expect(await next.get(APPID, TYPE)).toBe('token-1');
  expect(world.log.filter((line) => line === 'refreshed access_token upstream')).toHaveLength(1);
});

test.each(['now', 'get', 'set', 'list', 'lease', 'watch'])(
  'a store that throws on %s gives one clear error',
  async (method) => {
    const { world, store } = troubled();
    await using _ = world;
    store.before = broken([method]);
    const tokens = world.manager();
    const error = await tokens
      .register({ appid: APPID, secret: SECRET, tasks: [TYPE] })
      .then(() => tokens.get(APPID, TYPE))
      .catch((thrown: unknown) => thrown);
    if (method !== 'set' && typeof error === 'string') return;
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect((error as Error).message).toContain(`the store's ${method} failed`);
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('CANARY');
  },
);

test('I8: a store that hangs costs a call two seconds and no more', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const tokens = world.manager();
  store.before = () => new Promise(() => {});
  const refused = tokens.get(APPID, TYPE).catch((error: unknown) => error);
  await world.clock.advance(2_000);
  expect(await refused).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  store.before = () => {};
});

ownScheduleTest('a start that failed is tried again by the next call', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const tokens = world.manager();
  store.before = broken(['list']);
  await expect(tokens.start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  store.before = () => {};
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('I3: a damaged record is moved aside with an event, and the key is fetched anew', async () => {
  const { world } = troubled();
  await using _ = world;
  const first = await world.registered();
  await first.get(APPID, TYPE);
  await first.close();
  const id = `key/${APPID}/${TYPE}`;
  const [document] = await world.store.get([id]);
  const damaged = { ...document?.data, checksum: '00000000' };
  await world.store.set(id, damaged, document?.version ?? 0);
  const second = world.manager();
  expect(await second.get(APPID, TYPE)).toBe('token-2');
  expect(world.log).toContain('recordQuarantined');
  const aside: unknown[] = [];
  for await (const { data } of world.store.list('quarantine')) aside.push(data);
  expect(aside).toEqual([{ id, version: expect.any(Number), damaged }]);
});

test('a record of a newer release is an error for its key: not absent, not overwritten, no upstream call', async () => {
  const { world } = troubled();
  await using _ = world;
  const { seal } = await import('../../../../src/core/store/document-codec.js');
  const { canonicalJson, checksum } = await import('../../../../src/core/primitives/checksum.js');
  const id = `key/${APPID}/${TYPE}`;
  const { checksum: _checksum, ...sealed }: JsonObject = { ...seal(id, {}), format: 2 };
  const data = { ...sealed, checksum: checksum(`${id}\n${canonicalJson(sealed)}`) };
  await world.store.set(id, data, 0);
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: /format 2/ });
  await world.clock.advance(600_000);
  expect(world.wechat.calls).toBe(0);
  const [stored] = await world.store.get([id]);
  expect(stored?.data).toEqual(data);
});

test('a record that is older than the cached one after a failover is replaced by the cached one', async () => {
  const { world } = troubled();
  await using _ = world;
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  const id = `key/${APPID}/${TYPE}`;
  const [old] = await world.store.get([id]);
  await tokens.refresh(APPID, TYPE, { force: true });
  const get = world.store.get.bind(world.store);
  world.store.get = async (ids) =>
    (await get(ids)).map((document) => (document?.id === id && old ? { ...old } : document));
  await world.clock.advance(61_000);
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
  await world.clock.advance(0);
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
});

test('a record that is gone from the store is dropped within a minute and fetched again', async () => {
  const { world } = troubled();
  await using _ = world;
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  const id = `key/${APPID}/${TYPE}`;
  const [document] = await world.store.get([id]);
  await world.store.delete(id, document?.version ?? 0);
  await world.clock.advance(0);
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
});

// In a fleet the key is claimed meanwhile, and its lease kept, so that the clock has to move: see fleet/store-trouble.
ownScheduleTest('I4: a grant that the store did not take gives way to a newer one of another process', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const [one, other] = [await world.registered(), world.manager()];
  await other.start();
  store.before = (method, id) => {
    if (method === 'set' && id?.startsWith('key/')) throw new Error('disk full');
  };
  expect(await one.get(APPID, TYPE)).toBe('token-1');
  await world.clock.advance(100);
  store.before = () => {};
  const newest = await other.refresh(APPID, TYPE, { force: true });
  expect(newest).not.toBe('token-1');
  await world.clock.advance(61_000);
  expect(await one.get(APPID, TYPE)).toBe(newest);
  expect(await other.get(APPID, TYPE)).toBe(newest);
});

test('a write whose answer was lost counts as our own, and not as a repeated answer of WeChat', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const tokens = await world.registered();
  let isSilent = true;
  store.afterSet = async (id) => {
    if (!isSilent || !id.startsWith('key/')) return;
    isSilent = false;
    await new Promise(() => {});
  };
  const got = tokens.get(APPID, TYPE);
  await world.clock.advance(10_000);
  expect(await got).toBe('token-1');
  const record = await tokens.getRecord(APPID, TYPE);
  expect(record.expiresAt - record.dueAt).toBe(600_000);
  expect(world.wechat.calls).toBe(1);
});

test('a process without notifications notices within a minute what others unregister', async () => {
  const { world } = troubled();
  await using _ = world;
  const withoutWatch = () => {
    const store = shared(world.store);
    delete (store as { watch?: unknown }).watch;
    return store;
  };
  const [one, other] = [world.manager({ store: withoutWatch() }), world.manager({ store: withoutWatch() })];
  await one.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  // In a fleet the first one claims the key, and the other one would wait for its lease.
  await world.clock.advance(0);
  await other.get(APPID, TYPE);
  await one.unregister(APPID);
  await world.clock.advance(60_000);
  await world.clock.advance(0);
  expect(other.hasTask(APPID, TYPE)).toBe(false);
  expect(other.peek(APPID, TYPE)).toBeUndefined();
  await world.clock.advance(8_000_000);
  expect(world.wechat.calls).toBe(1);
});

test('a store that answers in another order, or something else, is an error and never another token', async () => {
  const { world } = troubled();
  await using _ = world;
  const tokens = await world.registered();
  await tokens.register({ appid: 'other', secret: SECRET, tasks: [TYPE] });
  await world.clock.advance(0);
  const get = world.store.get.bind(world.store);
  for (const wrong of [
    async (ids: readonly string[]) => (await get(ids)).reverse(),
    async (ids: readonly string[]) => get([...ids.slice(1), `key/other/${TYPE}`]),
    async () => undefined as never,
    async (ids: readonly string[]) => ids.map(() => ({ id: 7 }) as never),
  ]) {
    world.store.get = wrong;
    const reader = world.manager();
    const error = await reader.get(APPID, TYPE).catch((thrown: unknown) => thrown);
    expect(error === 'token-1' || (error as { code?: string }).code === 'STORE_UNAVAILABLE').toBe(true);
    world.store.get = get;
  }
});

test('a change that could not be read when it was notified is read later', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const [one, other] = [await world.registered(), world.manager()];
  await one.get(APPID, TYPE);
  await other.start();
  let reads = 0;
  store.before = (method, id) => {
    // The first read is that of the registration itself; word of it then makes both processes read.
    if (method === 'get' && id === `app/${APPID}` && [2, 3].includes(++reads)) throw new Error('hiccup');
  };
  await one.register({ appid: APPID, secret: 'another' });
  await world.clock.advance(20_000);
  store.before = () => {};
  await other.refresh(APPID, TYPE, { force: true });
  expect(world.wechat.asked.at(-1)?.app.secret).toBe('another');
});

describe('callers without a cached token while the store is unavailable', () => {
  const AWAY = broken(['now', 'get', 'set', 'lease', 'claimDue', 'list', 'delete']);

  test('a caller without a cached token gets STORE_UNAVAILABLE, and WeChat is not called', async () => {
    const { world, store } = troubled();
    await using _ = world;
    const tokens = await world.registered();
    await world.clock.advance(1);
    const calls = world.wechat.calls;
    store.before = AWAY;
    await world.clock.advance(LIFE_MS);
    await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(world.wechat.calls).toBe(calls);
  });

  test('a caller with whenStoreUnavailable: fetch gets a token by one fetch for all, which is stored later', async () => {
    const { world, store } = troubled();
    await using _ = world;
    const tokens = await world.registered({ whenStoreUnavailable: 'fetch' });
    await world.clock.advance(1);
    const calls = world.wechat.calls;
    store.before = AWAY;
    await world.clock.advance(LIFE_MS);
    const got = await Promise.all(Array.from({ length: 50 }, () => tokens.get(APPID, TYPE)));
    expect(new Set(got).size).toBe(1);
    await world.clock.advance(LIFE_MS / 2);
    expect(await tokens.get(APPID, TYPE)).toBe(got[0]);
    expect(world.wechat.calls).toBe(calls + 1);
    store.before = () => {};
    await world.clock.advance(61_000);
    expect(await world.manager().get(APPID, TYPE)).toBe(got[0]);
    expect(world.wechat.calls).toBe(calls + 1);
  });

  test('whenStoreUnavailable: fetch does not apply where a refresh uses up a refresh token, or to an unknown app', async () => {
    const { world, store } = faulty();
    await using _ = world;
    const tokens = world.process({ whenStoreUnavailable: 'fetch' });
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await world.clock.advance(1);
    const sent = world.upstream.sent.length;
    store.before = AWAY;
    await world.clock.advance(LIFE_MS);
    await expect(tokens.get(APPID, USER_TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(tokens.get('wx9', USER_TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(world.upstream.sent.length).toBe(sent);
  });
});
