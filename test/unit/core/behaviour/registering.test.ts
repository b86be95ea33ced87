import { expect, test } from 'vitest';
import { seal } from '../../../../src/core/store/document-codec.js';
import { TokenError } from '../../../../src/index.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { ownScheduleTest } from '../../../support/worlds/fleet-mode.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

function troubled(): { world: World; store: FaultyStore } {
  let store: FaultyStore | undefined;
  const world = new World({ store: (memory) => (store = new FaultyStore(memory)) });
  return { world, store: store as FaultyStore };
}

test('a registration is durable when it resolves, and does not wait for the first token', async () => {
  await using world = new World();
  world.wechat.always = () => new Promise(() => {});
  const tokens = await world.registered();
  expect(tokens.hasTask(APPID, TYPE)).toBe(true);
  const stored = await world.store.get([`app/${APPID}`, `task/${APPID}/${TYPE}`]);
  expect(stored.every((document) => document !== undefined)).toBe(true);
});

test('register adds and replaces, and never removes', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.register({ appid: APPID, tasks: ['jsapi_ticket'] });
  await tokens.register({ appid: APPID });
  expect(tokens.hasTask(APPID, TYPE)).toBe(true);
  expect(tokens.hasTask(APPID, 'jsapi_ticket')).toBe(true);
  await tokens.get(APPID, TYPE);
  expect(world.wechat.asked[0]?.app).toEqual({ appid: APPID, secret: SECRET, accessToken: 'stable' });
});

test('the mode of an app is stored with it, and the default of the manager applies to those that have none', async () => {
  await using world = new World();
  const first = world.manager({ wechat: { accessToken: 'plain' } });
  await first.register({ appid: 'plain-by-default', secret: SECRET });
  await first.register({ appid: 'stable-by-choice', secret: SECRET, accessToken: 'stable' });
  const second = world.manager({ wechat: { accessToken: 'plain' } });
  await second.get('plain-by-default', TYPE);
  await second.get('stable-by-choice', TYPE);
  expect(world.wechat.asked.map(({ app }) => app.accessToken)).toEqual(['plain', 'stable']);
});

test('a registration that equals the stored one writes nothing', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const registration = { appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { a: 1, b: 2 } }] } as const;
  const tokens = world.manager();
  await tokens.register(registration);
  await world.clock.advance(0);
  store.calls.length = 0;
  await tokens.register({ ...registration, tasks: [{ type: TYPE, params: { b: 2, a: 1 } }] });
  expect(store.calls.filter((call) => call === 'set')).toEqual([]);
});

test.each([1, 2, 3, 4])('I3: a registration whose write %i fails leaves everything as it was', async (failing) => {
  const { world, store } = troubled();
  await using _ = world;
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { old: true } }] });
  await tokens.get(APPID, TYPE);
  const ids = [`app/${APPID}`, `task/${APPID}/${TYPE}`, `task/${APPID}/jsapi_ticket`, `task/${APPID}/wx_card_ticket`];
  const before = (await world.store.get(ids)).map((document) => document?.data);
  let writes = 0;
  store.before = (method) => {
    if (method === 'set' && ++writes === failing) throw new Error('disk full');
  };
  const registered = tokens.register({
    appid: APPID,
    secret: 'another',
    tasks: [{ type: TYPE, params: { old: false } }, 'jsapi_ticket', 'wx_card_ticket'],
  });
  await expect(registered).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  store.before = () => {};
  expect((await world.store.get(ids)).map((document) => document?.data)).toEqual(before);
  await world.clock.advance(0);
  expect(tokens.hasTask(APPID, 'jsapi_ticket')).toBe(false);
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('two processes that register the same app at once both succeed, and nothing is lost', async () => {
  await using world = new World();
  const [one, other] = [world.manager(), world.manager()];
  const registered = Promise.all([
    one.register({ appid: APPID, secret: SECRET, tasks: [TYPE] }),
    other.register({ appid: APPID, secret: SECRET, tasks: ['jsapi_ticket'] }),
  ]);
  await world.clock.advance(200);
  await registered;
  const ids: string[] = [];
  for await (const { id } of one.status()) ids.push(id);
  expect(ids.sort()).toEqual([`${APPID}/${TYPE}`, `${APPID}/jsapi_ticket`]);
});

test('I3: a registration does not rely on a document that another process writes and takes back', async () => {
  const { world, store } = troubled();
  await using _ = world;
  const [failing, other] = [world.manager(), world.manager()];
  await Promise.all([failing.start(), other.start()]);
  let second: Promise<void> | undefined;
  store.before = async (method, id) => {
    if (method !== 'set' || id !== `app/${APPID}` || second !== undefined) return;
    second = other.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('disk full');
  };
  await expect(failing.register({ appid: APPID, secret: SECRET, tasks: [TYPE] })).rejects.toThrow();
  await world.clock.advance(1_000);
  await second;
  const stored = await world.store.get([`app/${APPID}`, `task/${APPID}/${TYPE}`]);
  expect(stored.every((document) => document !== undefined)).toBe(true);
  expect(other.hasTask(APPID, TYPE)).toBe(true);
});

ownScheduleTest('a registration that is made while the store is being read is not forgotten', async () => {
  const { world, store } = troubled();
  await using _ = world;
  let changed: (id: string | undefined) => void = () => {};
  const watch = world.store.watch?.bind(world.store);
  world.store.watch = async (listener) => {
    changed = listener;
    return (await watch?.(listener)) ?? (async () => {});
  };
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  let registered: Promise<void> | undefined;
  store.afterList = async (prefix) => {
    if (prefix !== 'task' || registered !== undefined) return;
    registered = tokens.register({ appid: 'late', secret: SECRET, tasks: [TYPE] });
    await registered;
  };
  changed(undefined);
  await world.clock.advance(0);
  await registered;
  expect(tokens.hasTask('late', TYPE)).toBe(true);
  await tokens.get('late', TYPE);
  await world.clock.advance(1_000);
  expect(world.log).toEqual(['refreshed access_token upstream', 'refreshed access_token upstream']);
});

test('unregister forgets an app with its tasks and tokens, and only that app', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.register({ appid: `${APPID}2`, secret: SECRET, tasks: [TYPE] });
  await tokens.get(APPID, TYPE);
  const kept = await tokens.get(`${APPID}2`, TYPE);
  await tokens.unregister(APPID);
  await tokens.unregister(APPID);
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  expect(tokens.peek(APPID, TYPE)).toBeUndefined();
  await world.clock.advance(8_000_000);
  expect(world.wechat.asked.filter(({ key }) => key.appid === APPID)).toHaveLength(1);
  expect(tokens.peek(`${APPID}2`, TYPE)?.value).not.toBe(kept);
});

test('a key whose task is unregistered is served on demand, and no longer ahead of time', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await tokens.unregister(APPID, TYPE);
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
  await world.clock.advance(8_000_000);
  expect(world.wechat.calls).toBe(2);
  expect(await tokens.get(APPID, TYPE)).toBe('token-3');
});

test('status reports the state of each task, a page at a time, and nothing secret', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.register({
    appid: APPID,
    tasks: Array.from({ length: 5 }, (_item, index) => ({ type: TYPE, subject: `user-${index}` })),
  });
  await world.clock.advance(3_000);
  const all: string[] = [];
  for await (const task of tokens.status()) {
    all.push(task.id);
    expect(task).toMatchObject({
      appid: APPID,
      type: TYPE,
      state: 'fresh',
      lastError: undefined,
      functionMissing: false,
    });
    expect(JSON.stringify(task)).not.toMatch(/token-\d|CANARY/);
  }
  expect(all).toHaveLength(6);
  const paged: string[] = [];
  for (let after: string | undefined; ; ) {
    const page: string[] = [];
    for await (const { id } of tokens.status({ appid: APPID, limit: 4, ...(after === undefined ? {} : { after }) }))
      page.push(id);
    paged.push(...page);
    after = page.at(-1);
    if (page.length < 4) break;
  }
  expect(paged).toEqual(all);
  const one: string[] = [];
  for await (const { subject } of tokens.status({ appid: APPID, type: TYPE, subject: 'user-3' }))
    one.push(String(subject));
  expect(one).toEqual(['user-3']);
});

test('a refresh that fails after its app was unregistered leaves no document behind', async () => {
  await using world = new World();
  const [one, other] = [await world.registered(), world.manager()];
  let fail: (error: Error) => void = () => {};
  world.wechat.next(() => new Promise((_resolve, reject) => (fail = reject)));
  const refused = one.get(APPID, TYPE).catch((error: unknown) => error);
  await world.clock.advance(0);
  await other.unregister(APPID);
  fail(new TokenError('UPSTREAM_REJECTED', 'no'));
  await world.clock.advance(0);
  expect(await refused).toMatchObject({ code: 'UPSTREAM_REJECTED' });
  for await (const { id } of world.store.list('key')) expect(id).toBeUndefined();
});

test('the counts of an app that is unregistered limit it for a day, and then nothing of it is left', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await tokens.refresh(APPID, TYPE, { force: true });
  await tokens.unregister(APPID);
  await tokens.register({ appid: APPID, secret: SECRET });
  await expect(tokens.refresh(APPID, TYPE, { force: true })).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
  await tokens.unregister(APPID);
  await world.clock.advance(26 * 3_600_000);
  const left: string[] = [];
  for (const kind of ['app', 'task', 'key', 'delivery', `limit/${APPID}`]) {
    for await (const { id } of world.store.list(kind)) left.push(id);
  }
  expect(left).toEqual([]);
});

test('a process that only reads deletes no counts', async () => {
  await using world = new World();
  const reader = world.manager({ refresh: 'never' });
  await reader.start();
  const id = `limit/${APPID}/~reports`;
  await world.store.set(id, seal(id, { taken: [] }), 0);
  await world.clock.advance(2 * 3_600_000);
  expect(await world.store.get([id])).not.toEqual([undefined]);
});
