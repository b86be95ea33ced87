import { expect, test } from 'vitest';
import { TokenError, type TokenManager } from '../../../../src/index.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const BUSY = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { retryable: true });
const USER = 'oauth2_access_token';
const MINUTE = 60_000;

interface Recovery {
  readonly type: string;
  readonly since: number;
}

function recoveries(tokens: TokenManager): Recovery[] {
  const all: Recovery[] = [];
  tokens.on('recovered', ({ type, since }) => void all.push({ type, since }));
  return all;
}

test('a key that failed again and again emits recovered once, after its new token', async () => {
  await using world = new World();
  const tokens = world.manager();
  const told = recoveries(tokens);
  world.wechat.always = BUSY;
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await world.clock.advance(5 * MINUTE);
  expect(world.log.filter((line) => line.startsWith('refreshFailed')).length).toBeGreaterThan(3);
  expect(told).toEqual([]);
  world.wechat.always = undefined;
  await world.clock.advance(5 * MINUTE);
  expect(told).toHaveLength(1);
  expect(world.log.slice(-2)).toEqual([`refreshed ${TYPE} upstream`, `recovered ${TYPE}`]);
  expect(told[0]?.since).toBeLessThan(world.clock.now() - 5 * MINUTE);
});

test('a key that never failed emits no recovered, and one that fails again recovers again', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const told = recoveries(tokens);
  await tokens.get(APPID, TYPE);
  await world.clock.advance(2 * 60 * MINUTE);
  expect(told).toEqual([]);
  for (const times of [1, 2]) {
    world.wechat.next(BUSY, BUSY);
    await world.clock.advance(2 * 60 * MINUTE);
    expect(told).toHaveLength(times);
  }
});

test('a token that stayed valid through the failures causes no recovered before it is replaced', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const told = recoveries(tokens);
  await tokens.get(APPID, TYPE);
  world.wechat.always = BUSY;
  await world.clock.advance(110 * MINUTE);
  expect(world.log).toContain(`refreshFailed ${TYPE} UPSTREAM_UNAVAILABLE`);
  expect(tokens.peek(APPID, TYPE)).toBeDefined();
  expect(told).toEqual([]);
  world.wechat.always = undefined;
  await world.clock.advance(2 * MINUTE);
  expect(told).toHaveLength(1);
});

test('a key that lacked its input has recovered when that is put', async () => {
  await using world = new World();
  const tokens = world.manager();
  const told = recoveries(tokens);
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [USER] });
  await world.clock.advance(5_000);
  expect(world.log).toContain(`refreshFailed ${USER} INPUT_MISSING`);
  await tokens.put(APPID, USER, { value: 'x', expiresInSeconds: 7_200 });
  expect(told).toMatchObject([{ type: USER }]);
});

test('each process that knows of the failure emits recovered once, whichever has refreshed the key', async () => {
  await using world = new World();
  const [one, other] = [world.manager(), world.manager({ refresh: 'never' })];
  const told = [recoveries(one), recoveries(other)];
  world.wechat.always = BUSY;
  await other.start();
  await one.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await world.clock.advance(MINUTE);
  await other.get(APPID, TYPE).catch(() => {});
  world.wechat.always = undefined;
  await world.clock.advance(3 * MINUTE);
  expect(await other.get(APPID, TYPE)).toBe('token-1');
  expect(told.map((all) => all.length)).toEqual([1, 1]);
});

test('a task that was unregistered while it failed, and is registered again, emits no recovered', async () => {
  await using world = new World();
  const tokens = world.manager();
  const told = recoveries(tokens);
  world.wechat.always = BUSY;
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await world.clock.advance(MINUTE);
  await tokens.unregister(APPID);
  world.wechat.always = undefined;
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await tokens.get(APPID, TYPE);
  await world.clock.advance(MINUTE);
  expect(told).toEqual([]);
});
