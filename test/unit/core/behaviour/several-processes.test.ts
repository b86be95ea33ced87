import { expect, test } from 'vitest';
import { TokenError, type TokenStore } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { isFleet, ownScheduleTest } from '../../../support/worlds/fleet-mode.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;
/** Ten processes take a shared schedule long to simulate; `one-refresh.test.ts` in `fleet` runs ten cycles of it. */
const CYCLES = isFleet ? 2 : 5;

test('I2: ten processes make one fetch a cycle', async () => {
  await using world = new World({ random: () => Math.random() });
  const fleet = [await world.registered(), ...Array.from({ length: 9 }, () => world.manager())];
  await Promise.all(fleet.map((tokens) => tokens.start()));
  await world.clock.advance(CYCLES * LIFE_MS);
  const values = await Promise.all(fleet.map((tokens) => tokens.get(APPID, TYPE)));
  expect(new Set(values).size).toBe(1);
  const fetched = new Set(world.wechat.asked).size;
  expect(fetched).toBeGreaterThanOrEqual(CYCLES + 1);
  expect(fetched).toBeLessThanOrEqual(CYCLES + 2);
});

test('a hundred processes that start at once on an empty store make one fetch', async () => {
  await using world = new World({ random: () => Math.random() });
  const fleet = Array.from({ length: 100 }, () => world.manager());
  const got = Promise.all(
    fleet.map(async (tokens) => {
      await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
      return tokens.get(APPID, TYPE);
    }),
  );
  await world.clock.advance(20_000);
  expect(new Set(await got)).toEqual(new Set(['token-1']));
  expect(world.wechat.calls).toBe(1);
});

test('a task that one process registers is kept fresh by another, also after the first is gone', async () => {
  await using world = new World();
  const [one, other] = [world.manager(), world.manager()];
  await other.start();
  await one.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await one.get(APPID, TYPE);
  await one.close();
  await world.clock.advance(LIFE_MS);
  expect(other.hasTask(APPID, TYPE)).toBe(true);
  expect(other.peek(APPID, TYPE)?.value).toBe('token-2');
});

test('a task that another process registers while this one reads the store is kept fresh by this one', async () => {
  await using world = new World();
  const registering = await world.registered();
  const store = new FaultyStore(shared(world.store));
  const reading = world.manager({ store });
  store.before = async (method, id) => {
    if (method !== 'get' || id?.startsWith('key/') !== true) return;
    store.before = () => {};
    await registering.register({ appid: APPID, tasks: [{ type: TYPE, subject: 'late' }] });
    await registering.close();
  };
  await reading.start();
  await reading.get(APPID, TYPE);
  await world.clock.advance(LIFE_MS);
  expect(reading.peek(APPID, TYPE, { subject: 'late' })?.value).toBeDefined();
});

test('a task that was registered elsewhere counts for the first token, whether notified of or not', async () => {
  await using world = new World();
  const store = shared(world.store);
  const deaf: TokenStore = {
    ...store,
    watch: async (changed) =>
      (await store.watch?.((id) => {
        if (id?.startsWith('task/') !== true) changed(id);
      })) ?? (async () => {}),
  };
  const [one, other] = [world.manager(), world.manager({ store: deaf })];
  await other.start();
  await one.register({ appid: APPID, secret: SECRET });
  await world.clock.advance(0);
  await one.register({ appid: APPID, tasks: [{ type: TYPE, params: { from: 'the task' } }] });
  await one.close();
  await other.get(APPID, TYPE);
  expect(world.wechat.asked.map(({ params }) => params)).toEqual([{ from: 'the task' }]);
  expect(other.hasTask(APPID, TYPE)).toBe(true);
});

test('a refresh in one process is announced in the others, once for each version', async () => {
  await using world = new World();
  const [one, other] = [await world.registered(), world.manager()];
  await Promise.all([one.get(APPID, TYPE), other.get(APPID, TYPE)]);
  const seen: string[] = [];
  other.on('refreshed', ({ record, source }) => void seen.push(`${record.value} ${source}`));
  await one.refresh(APPID, TYPE, { force: true });
  await world.clock.advance(0);
  expect(other.peek(APPID, TYPE)?.value).toBe('token-2');
  await world.clock.advance(200_000);
  await other.get(APPID, TYPE);
  expect(seen).toEqual(['token-2 store']);
});

test('I4: a holder that was paused past its lease loses to the next holder', async () => {
  await using world = new World();
  const [paused, other] = [await world.registered(), world.manager()];
  let answer: (grant: { value: string }) => void = () => {};
  world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
  const late = paused.get(APPID, TYPE);
  await world.clock.advance(0);
  world.clock.jump(21_000);
  const taken = other.get(APPID, TYPE);
  await world.clock.advance(2_000);
  expect(await taken).toBe('token-1');
  answer({ value: 'late' });
  expect(await late).toBe('token-1');
  expect(await other.get(APPID, TYPE)).toBe('token-1');
  expect(world.wechat.calls).toBe(2);
});

test('a record is due within four minutes after two overlapping fetches', async () => {
  await using world = new World();
  const [paused, other] = [await world.registered(), world.manager()];
  let answer: (grant: { value: string }) => void = () => {};
  world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
  const late = paused.get(APPID, TYPE);
  await world.clock.advance(0);
  world.clock.jump(21_000);
  void other.get(APPID, TYPE);
  await world.clock.advance(2_000);
  answer({ value: 'late' });
  const record = await late.then(() => paused.getRecord(APPID, TYPE));
  expect(record.dueAt - world.clock.now()).toBeLessThanOrEqual(240_000);
  await world.clock.advance(240_000);
  expect(world.wechat.calls).toBe(3);
});

test('a failure binds the whole fleet: the others do not try before its time', async () => {
  await using world = new World();
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
  const one = await world.registered();
  await expect(one.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40125 });
  const fleet = Array.from({ length: 5 }, () => world.manager());
  for (const tokens of fleet) await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40125 });
  expect(world.wechat.calls).toBe(1);
});

test('a new secret clears the failure of the fleet at once; the same one again does not', async () => {
  await using world = new World();
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
  const tokens = await world.registered();
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40125 });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40125 });
  expect(world.wechat.calls).toBe(1);
  world.wechat.always = undefined;
  await tokens.register({ appid: APPID, secret: 'the-right-one', tasks: [TYPE] });
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  expect(world.wechat.asked.at(-1)?.app.secret).toBe('the-right-one');
});

test('a failure that concerns one host alone leaves the work to the others', async () => {
  await using world = new World();
  const one = world.manager();
  world.wechat.next(
    new TokenError('UPSTREAM_REJECTED', 'not in whitelist', { errcode: 40164, ip: '203.0.113.7', hostOnly: true }),
  );
  await one.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await expect(one.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40164, ip: '203.0.113.7' });
  const other = world.manager();
  const got = other.get(APPID, TYPE);
  // The first one may be about to give back what the schedule has handed it.
  await world.clock.advance(200);
  expect(await got).toBe('token-1');
  expect(await one.get(APPID, TYPE)).toBe('token-1');
  expect(world.wechat.calls).toBe(2);
});

ownScheduleTest('a restart makes no upstream call while the token is fresh, and keeps its time', async () => {
  await using world = new World();
  const first = await world.registered();
  const { dueAt } = await first.getRecord(APPID, TYPE);
  await first.close();
  await world.clock.advance(3_600_000);
  const second = world.manager();
  await second.start();
  expect(second.peek(APPID, TYPE)?.value).toBe('token-1');
  await world.clock.advance(dueAt - world.clock.now() - 1);
  expect(world.wechat.calls).toBe(1);
  await world.clock.advance(1);
  expect(world.wechat.calls).toBe(2);
});

test('a crash loop does not make more attempts than a process that stays up', async () => {
  await using world = new World();
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'frozen', { errcode: 40243 });
  await world.registered();
  for (let crash = 0; crash < 50; crash++) {
    const tokens = world.manager();
    await tokens.start();
    await tokens.get(APPID, TYPE).catch(() => {});
    await world.clock.advance(1_000);
  }
  expect(world.wechat.calls).toBe(1);
});

test('unregistering wins over a refresh that is under way: nothing comes back', async () => {
  await using world = new World();
  const [one, other] = [await world.registered(), world.manager()];
  let answer: (grant: { value: string }) => void = () => {};
  world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
  const refused = one.get(APPID, TYPE).catch((error: unknown) => error);
  await world.clock.advance(0);
  await other.unregister(APPID);
  answer({ value: 'zombie' });
  await world.clock.advance(0);
  expect(await refused).toMatchObject({ code: 'NOT_REGISTERED' });
  const left: string[] = [];
  for (const kind of ['app', 'task', 'key']) for await (const { id } of world.store.list(kind)) left.push(id);
  expect(left).toEqual([]);
  expect(one.peek(APPID, TYPE)).toBeUndefined();
  expect(one.hasTask(APPID, TYPE)).toBe(false);
});
