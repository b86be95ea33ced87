import { expect, test } from 'vitest';
import { defineRefresher, type TokenManager } from '../../../../src/index.js';
import { SECRET, TYPE, World } from '../../../support/worlds/world.js';

/** More than may hold a lease, or be claimed, at once. */
const MANY = Array.from({ length: 100 }, (_unused, index) => `wx${index}`);
const FAST = { maxPerSecond: 10_000, maxPerSecondOfApp: 10_000 };

type Nested = (tokens: TokenManager<'nested'>, appid: string) => Promise<string>;

/** A manager with a type whose refresher calls the manager. */
function nesting(world: World, nested: Nested): TokenManager<'nested'> {
  const refresher = defineRefresher({
    type: 'nested',
    refresh: async ({ key }) => ({ value: `of ${await nested(tokens, key.appid)}`, expiresInSeconds: 7_200 }),
  });
  const refreshers = [world.wechat as never, refresher];
  const tokens: TokenManager<'nested'> = world.manager<'nested'>({ refreshers, refresh: FAST });
  return tokens;
}

test.each<[string, Nested]>([
  ['get', (tokens, appid) => tokens.get(appid, TYPE)],
  ['call', (tokens, appid) => tokens.call(appid, TYPE, (token) => token)],
  [
    'put',
    async (tokens, appid) => (await tokens.put(appid, TYPE, { value: `put-${appid}`, expiresInSeconds: 60 })).value,
  ],
  [
    'refresh',
    async (tokens, appid) => {
      await tokens.get(appid, TYPE);
      return tokens.refresh(appid, TYPE, { force: true });
    },
  ],
  [
    'register',
    async (tokens, appid) => {
      await tokens.register({ appid: `${appid}-more`, secret: SECRET });
      return tokens.get(`${appid}-more`, TYPE);
    },
  ],
])('refreshers that %s at their own manager never wait for the places that they hold', async (_, nested) => {
  await using world = new World();
  const tokens = nesting(world, nested);
  for (const appid of MANY) await tokens.register({ appid, secret: SECRET });
  const got = Promise.allSettled(MANY.map((appid) => tokens.get(appid, 'nested', { timeoutMs: 1_000 })));
  await world.clock.advance(1_000);
  expect((await got).filter(({ status }) => status === 'rejected')).toEqual([]);
});

test('refreshers that are due and get from their own manager never wait for the places that they hold', async () => {
  await using world = new World();
  const tokens = nesting(world, (manager, appid) => manager.get(appid, TYPE));
  for (const appid of MANY) await tokens.register({ appid, secret: SECRET, tasks: ['nested'] });
  await world.clock.advance(10_000);
  expect(MANY.filter((appid) => tokens.peek(appid, 'nested') === undefined)).toEqual([]);
});

test('params functions that get from their own manager never wait for the places of their tasks', async () => {
  await using world = new World();
  const tokens = nesting(world, async (_tokens, appid) => appid);
  for (const appid of MANY) {
    const params = async (): Promise<{ token: string }> => ({ token: await tokens.get(appid, TYPE) });
    await tokens.register({ appid, secret: SECRET, tasks: [{ type: 'nested', params }] });
  }
  await world.clock.advance(10_000);
  expect(MANY.filter((appid) => tokens.peek(appid, 'nested') === undefined)).toEqual([]);
});

test('listeners that get from their own manager do not delay any refresh', async () => {
  await using world = new World();
  const tokens = nesting(world, async (_tokens, appid) => appid);
  const heard: string[] = [];
  tokens.on('refreshed', async ({ appid, type }) => {
    if (type === 'nested') heard.push(await tokens.get(appid, TYPE));
  });
  for (const appid of MANY) await tokens.register({ appid, secret: SECRET, tasks: ['nested'] });
  await world.clock.advance(10_000);
  expect(heard).toHaveLength(MANY.length);
});
