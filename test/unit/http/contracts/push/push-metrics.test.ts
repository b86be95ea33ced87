import { expect, test } from 'vitest';
import { createApiKey, createHandler } from '../../../../../src/http/index.js';
import { encryptedPush } from '../../../../support/encrypted-push.js';
import { HttpWorld } from '../../../../support/worlds/http-world.js';

const APP = { appid: 'wxaccount', token: 'CANARY-token', key: 'CANARYkey'.padEnd(43, 'k') };
const OTHER = { ...APP, appid: 'wxother' };
const KEY = createApiKey({ scopes: ['read'], appids: [OTHER.appid] });
const ADMIN = createApiKey({ scopes: ['read', 'register'] });
const MESSAGE = { ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: 1_700_000_000, MsgType: 'text', MsgId: 1 };

async function receiving(): Promise<HttpWorld> {
  const world = new HttpWorld({ contracts: ['native', 'push'], anonymous: false, keys: [KEY.entry, ADMIN.entry] });
  for (const { appid, token, key } of [APP, OTHER]) {
    await world.tokens.register({ appid, push: { token, encodingAesKey: key } });
  }
  return world;
}

async function pushed(world: HttpWorld, app: typeof APP, to = app.appid): Promise<number> {
  const { query, body } = encryptedPush(app, MESSAGE, world.clock.now());
  return (await world.ask(`/push/${to}?${query}`, { body })).status;
}

/** Returns the samples of the metrics of pushes that a key may see. */
async function samples(world: HttpWorld, { key } = ADMIN): Promise<string[]> {
  const { body } = await world.ask('/metrics', { headers: { Authorization: `Bearer ${key}` } });
  const lines = String(body).split('\n');
  return lines.filter((line) => /^wechat_token_manager_(app_troubled_)?pushes_total\{/.test(line) && !/ 0$/.test(line));
}

test('every outcome of a push is counted from the beginning', async () => {
  await using world = await receiving();
  const { body } = await world.ask('/metrics', { headers: { Authorization: `Bearer ${ADMIN.key}` } });
  const outcomes = [...String(body).matchAll(/_manager_pushes_total\{outcome="(\w+)"\} 0/g)].map(([, name]) => name);
  expect(outcomes).toEqual(['accepted', 'unreadable', 'unverified', 'unknown', 'limited', 'failed']);
});

test('pushes are counted by outcome, and those that were not accepted by registered app', async () => {
  await using world = await receiving();
  expect(await pushed(world, APP)).toBe(200);
  expect(await pushed(world, { ...APP, token: 'CANARY-another' })).toBe(401);
  expect(await pushed(world, { ...APP, key: 'x'.repeat(43) })).toBe(400);
  expect(await pushed(world, { ...OTHER, token: 'CANARY-another' })).toBe(401);
  expect(await pushed(world, { ...APP, appid: 'wxunknown' })).toBe(404);
  expect(await samples(world)).toEqual([
    'wechat_token_manager_pushes_total{outcome="accepted"} 1',
    'wechat_token_manager_pushes_total{outcome="unreadable"} 1',
    'wechat_token_manager_pushes_total{outcome="unverified"} 2',
    'wechat_token_manager_pushes_total{outcome="unknown"} 1',
    'wechat_token_manager_app_troubled_pushes_total{appid="wxaccount"} 2',
    'wechat_token_manager_app_troubled_pushes_total{appid="wxother"} 1',
  ]);
  expect((await samples(world, KEY)).filter((line) => line.includes('appid'))).toEqual([
    'wechat_token_manager_app_troubled_pushes_total{appid="wxother"} 1',
  ]);
});

test('an appid of a push for an app that is not registered is in no metric', async () => {
  await using world = await receiving();
  for (const to of ['wxunknown', 'wxunknown%22%7D', 'x'.repeat(200)]) expect(await pushed(world, APP, to)).toBe(404);
  expect((await samples(world)).join('\n')).toBe('wechat_token_manager_pushes_total{outcome="unknown"} 3');
});

test('a push whose store is unavailable is counted as failed', async () => {
  await using world = await receiving();
  const handler = createHandler(world.tokens, {
    anonymous: true,
    contracts: ['native', 'push'],
    push: { receive: async () => ({ status: 500, contentType: 'text/plain', body: 'the push was not handled' }) },
  });
  const { query, body } = encryptedPush(APP, MESSAGE, world.clock.now());
  await handler.fetch(new Request(`http://tokens.test/push/${APP.appid}?${query}`, { method: 'POST', body }));
  const metrics = await (await handler.fetch(new Request('http://tokens.test/metrics'))).text();
  expect(metrics).toContain('wechat_token_manager_pushes_total{outcome="failed"} 1');
  expect(metrics).toContain('wechat_token_manager_app_troubled_pushes_total{appid="wxaccount"} 1');
});
