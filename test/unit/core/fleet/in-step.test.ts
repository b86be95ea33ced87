import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import {
  EncryptedStore,
  type JsonObject,
  type StoredDocument,
  TokenError,
  type TokenManager,
} from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { appids, FleetWorld, keyOf, type Process, seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const COOL_DOWN_LOOKS = 50;

/** A token that WeChat refuses to renew, and how often it was asked within its cool-down. */
async function callsInACoolDown(world: FleetWorld, managers: readonly TokenManager[]): Promise<number> {
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'bad secret', { errcode: 40125, retryable: false });
  await world.clock.advance(7_300_000);
  const before = world.wechat.calls;
  for (let round = 0; round < COOL_DOWN_LOOKS; round++) {
    for (const tokens of managers) {
      await tokens.get(APPID, TYPE).catch(() => {});
      await world.clock.advance(100);
    }
  }
  return world.wechat.calls - before;
}

describe('I10: cool-downs of a fleet', () => {
  test('I10: a cool-down binds every process after the store was encrypted with a new key', async () => {
    await using world = new FleetWorld({ random: seeded(1) });
    const [older, newer] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const first = world.manager({ store: new EncryptedStore(shared(world.store), { keys: [older, newer] }) });
    await first.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await first.get(APPID, TYPE);
    await first.close();
    const stores = [1, 2].map(() => new EncryptedStore(shared(world.store), { keys: [newer, older] }));
    const managers = stores.map((store) => world.manager({ store }));
    for (const tokens of managers) await tokens.get(APPID, TYPE);
    expect(await stores[0]?.reencrypt()).toBe(0);
    await world.clock.advance(5_000);
    expect(await callsInACoolDown(world, managers)).toBeLessThanOrEqual(1);
  });

  test('I10: a cool-down binds every process after a registration that failed half-way and was undone', async () => {
    await using world = new FleetWorld({ random: seeded(2) });
    const [one, other] = (await world.fleet(2)) as [Process, Process];
    await one.tokens.register({ appid: APPID, secret: 's1', tasks: [{ type: TYPE, params: { x: 1 } }] });
    for (const { tokens } of [one, other]) await tokens.get(APPID, TYPE);
    await world.clock.advance(3_000);
    one.way.before = (method, id) => {
      if (method === 'set' && id === keyOf(APPID)) throw new Error('out of memory');
    };
    const again = one.tokens.register({ appid: APPID, secret: 's2', tasks: [{ type: TYPE, params: { x: 2 } }] });
    await expect(again).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await world.clock.advance(5_000);
    one.way.before = () => {};
    expect(await callsInACoolDown(world, [one.tokens, other.tokens])).toBeLessThanOrEqual(1);
  });
});

test('a forced refresh fetches another token, also after the task was registered anew', async () => {
  await using world = new FleetWorld({ random: seeded(3) });
  const { tokens } = await world.started();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { x: 1 } }] });
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  const { version } = await tokens.getRecord(APPID, TYPE);
  await world.clock.advance(60_000);
  await tokens.register({ appid: APPID, tasks: [{ type: TYPE, params: { x: 2 } }] });
  await world.clock.advance(20_000);
  expect((await tokens.getRecord(APPID, TYPE)).version).toBe(version);
  expect(await tokens.refresh(APPID, TYPE, { force: true })).toBe('token-2');
});

test('a notification of a new token that comes during the first read of the old one is not lost', async () => {
  await using world = new FleetWorld({ random: seeded(4) });
  const one = await world.started();
  await world.register(one.tokens, APPID);
  await one.tokens.get(APPID, TYPE);
  let hold: Promise<void> | undefined;
  const inner = shared(world.store);
  const get: typeof inner.get = async (ids) => {
    const found = await inner.get(ids);
    if (ids.includes(keyOf(APPID))) await hold;
    return found;
  };
  const slow = world.manager({ store: { ...inner, get } });
  await slow.start();
  let release = (): void => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  const got = slow.get(APPID, TYPE);
  await world.clock.advance(10);
  await one.tokens.refresh(APPID, TYPE, { force: true });
  await world.clock.advance(200);
  hold = undefined;
  release();
  await got;
  await world.clock.advance(1_000);
  expect(await slow.get(APPID, TYPE)).toBe('token-2');
});

test('I4: a lease of a failed-over store causes no refresh by a process that holds the later token', async () => {
  await using world = new FleetWorld({ random: seeded(6) });
  const way = new FaultyStore(shared(world.store));
  way.watch = async () => async () => {};
  const tokens = world.manager({ store: way });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await tokens.get(APPID, TYPE);
  const before = (await world.document(keyOf(APPID))) as StoredDocument;
  await world.clock.advance(1_000);
  await tokens.refresh(APPID, TYPE, { force: true });
  const { version } = (await world.document(keyOf(APPID))) as StoredDocument;
  const at = world.clock.now();
  const content = unseal(before);
  const grant = { ...(content['grant'] as JsonObject), dueAt: at };
  const lost = seal(before.id, { ...content, grant, recordVersion: before.version });
  await world.store.set(before.id, lost, version, { due: { lane: TYPE, at } });
  await world.clock.advance(5_000);
  expect(world.wechat.calls).toBe(2);
  expect((await world.document(keyOf(APPID)))?.data['grant']).toMatchObject({ value: 'token-2' });
});

test('a task with a params function is refreshed in time by a process that is asked for more than it can hold', async () => {
  await using world = new FleetWorld({ random: seeded(5) });
  world.wechat.lifeSeconds = 1_200;
  const able = await world.started({ maxCachedRecords: 500 });
  const [reader] = await world.fleet(20);
  await able.tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: () => ({}) }] });
  await able.tokens.get(APPID, TYPE);
  const others = appids(600);
  for (const appid of others) await reader.tokens.register({ appid, secret: SECRET });
  for (let minute = 0; minute < 60; minute++) {
    if (minute % 4 === 0) for (const appid of others) await able.tokens.get(appid, TYPE);
    await world.clock.advance(60_000);
  }
  const times = world.fetchesOf(APPID).map(({ at }) => at);
  const gaps = times.slice(1).map((at, index) => at - (times[index] as number));
  expect(gaps.length).toBeGreaterThanOrEqual(3);
  // Due 240 to 480 s before it ends.
  expect(Math.max(...gaps)).toBeLessThanOrEqual(970_000);
});

test.each(['its own process', 'another one'])(
  'a grant that %s puts ends the wait of a caller for the next attempt',
  async (who) => {
    await using world = new FleetWorld({ random: 0.99 });
    const [one, other] = (await world.fleet(2)) as [Process, Process];
    await world.register(one.tokens, APPID);
    world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'away', { retryable: true });
    for (let attempt = 0; attempt < 8; attempt++) {
      const failed = one.tokens.get(APPID, TYPE).catch(() => {});
      await world.clock.advance(attempt === 7 ? 0 : 6_000);
      await failed;
    }
    await world.clock.advance(1_000);
    const got = one.tokens.get(APPID, TYPE);
    await world.clock.advance(100);
    const { tokens } = who === 'its own process' ? one : other;
    await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200 });
    await world.clock.advance(200);
    const answer = await Promise.race([got, world.clock.advance(0).then(() => 'still waiting')]);
    expect(answer).toBe('put');
  },
);
