import { expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import { appids, FleetWorld, keyOf, seeded } from '../../../support/worlds/fleet-world.js';
import { SECRET, TYPE } from '../../../support/worlds/world.js';

const COUNT = 6_000;
const MAX = 1_000;

test('a process holds a thousand of six thousand keys, whichever keys it is asked for', async () => {
  await using world = new FleetWorld({ random: seeded(1) });
  const now = world.clock.now();
  for (const [index, appid] of appids(COUNT).entries()) {
    const due = { lane: TYPE, at: now + index };
    await world.store.set(`app/${appid}`, seal(`app/${appid}`, { secret: SECRET }), 0);
    await world.store.set(`task/${appid}/${TYPE}`, seal(`task/${appid}/${TYPE}`, {}), 0);
    await world.store.set(keyOf(appid), seal(keyOf(appid), {}), 0, { due });
  }
  const { tokens } = await world.started({ maxCachedRecords: MAX, refresh: { maxPerSecond: 1_000 } });
  const { registry, records } = engineOf(tokens);
  await world.clock.advance(5_000);
  expect(world.fetches.length).toBeGreaterThan(2_500);
  for (let asked = 0; asked < 1_500; asked++) {
    await tokens.get(`wx${COUNT - 1 - asked}`, TYPE);
    await tokens.get(`unknown${asked}`, TYPE).catch(() => {});
    await tokens.get('wx1', TYPE, { subject: `made-up-${asked}` });
  }
  expect([...records.cache.records()].length).toBeLessThanOrEqual(MAX);
  expect([...registry.tasks()].length).toBeLessThanOrEqual(MAX);
  // What fell out is answered all the same, from the store, without a fetch.
  const { calls } = world.wechat;
  expect(await tokens.get(`wx${COUNT - 1}`, TYPE)).toMatch(/^token-/);
  expect(world.wechat.calls).toBe(calls);
}, 180_000);

test('tasks whose params are a function of this process are held however many there are', async () => {
  await using world = new FleetWorld();
  const { tokens } = await world.started({ maxCachedRecords: MAX });
  const tasks = Array.from(
    { length: 1_100 },
    (_unused, index) => ({ type: TYPE, subject: `user-${index}`, params: () => ({}) }) as const,
  );
  await tokens.register({ appid: 'wx1', secret: SECRET, tasks });
  for (const appid of appids(1_050)) await tokens.register({ appid, secret: SECRET });
  expect(tokens.hasTask('wx1', TYPE, { subject: 'user-0' })).toBe(true);
  await world.clock.advance(60_000);
  expect(world.fetches).toHaveLength(1_100);
});
