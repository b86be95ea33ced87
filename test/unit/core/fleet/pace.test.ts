import { describe, expect, test } from 'vitest';
import { seal } from '../../../../src/core/store/document-codec.js';
import { appids, FleetWorld, type Process, seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE } from '../../../support/worlds/world.js';

const PACE = 'limit/~fleet/~pace';
const refresh = { maxPerSecond: 50 };

/** The most that began in any second. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length));
}

/** Registers keys, which are due, and leaves no process to fetch them. */
async function allDue(world: FleetWorld, ids: readonly string[]): Promise<void> {
  const before = world.process({ refresh: 'never' });
  await world.register(before.tokens, ...ids);
  await before.tokens.close();
}

describe('the pace of a fleet', () => {
  test('a restart with 1,000 due keys keeps the pace in any second, serves callers at once, and completes', async () => {
    await using world = new FleetWorld({ random: seeded(1) });
    await allDue(world, appids(1_000));
    const startedAt = world.clock.now();
    const fleet = await world.fleet(4, { refresh });
    const waits: number[] = [];
    for (let second = 0; second < 10; second++) {
      const askedAt = world.clock.now();
      const { tokens } = fleet[second % 4] as Process;
      void tokens.get(`wx${999 - second}`, TYPE).then(() => waits.push(world.clock.now() - askedAt));
      await world.clock.advance(1_000);
    }
    expect(waits).toHaveLength(10);
    expect(Math.max(...waits)).toBeLessThanOrEqual(200);
    await world.clock.advance(30_000);
    const times = world.fetches.map(({ at }) => at);
    expect(times).toHaveLength(1_000);
    // Callers included, who are not paced.
    expect(mostInASecond(times)).toBeLessThanOrEqual(50);
    expect((times.at(-1) as number) - startedAt).toBeGreaterThan(18_000);
  });

  test('refreshes that are permitted at once begin one after the other', async () => {
    await using world = new FleetWorld({ random: seeded(6) });
    await allDue(world, appids(1_000));
    await world.fleet(1, { refresh: { maxPerSecond: 320 } });
    await world.clock.advance(2_500);
    const times = world.fetches.map(({ at }) => at);
    expect(times.length).toBeGreaterThan(500);
    const mostIn = (ms: number): number =>
      Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + ms).length));
    // One in 3.5 ms.
    expect(mostIn(10)).toBeLessThanOrEqual(4);
  });

  test.each([4, 30, 100])('the pace is kept by %i processes that had nothing to do until then', async (count) => {
    await using world = new FleetWorld({ random: seeded(7) });
    await world.fleet(count, { refresh });
    await world.clock.advance(20_000);
    const other = await world.started({ refresh: 'never' });
    await Promise.all(appids(400).map((appid) => world.register(other.tokens, appid)));
    await world.clock.advance(20_000);
    const times = world.fetches.map(({ at }) => at);
    expect(times).toHaveLength(400);
    expect(mostInASecond(times)).toBeLessThanOrEqual(50);
  });

  test('the pace is not slower for what callers had done hours ago', async () => {
    await using world = new FleetWorld({ random: seeded(8) });
    const fleet = await world.fleet(5, { refresh });
    const before = world.process({ refresh: 'never' });
    for (const appid of appids(500)) await before.tokens.register({ appid, secret: SECRET });
    for (const { tokens } of fleet)
      for (const appid of appids(500)) await tokens.refresh(appid, TYPE, { force: true }).catch(() => {});
    await world.clock.advance(3_600_000);
    world.fetches.length = 0;
    const later = Array.from({ length: 200 }, (_unused, index) => `later${index}`);
    await Promise.all(later.map((appid) => world.register(before.tokens, appid)));
    await world.clock.advance(7_000);
    expect(later.filter((appid) => world.fetchesOf(appid).length === 0)).toEqual([]);
  });

  test('the pace is not slower when a process with a wrong clock has reserved a day', async () => {
    await using world = new FleetWorld({ random: seeded(2) });
    await allDue(world, appids(200));
    const reservedUntil = world.clock.now() + 86_400_000;
    await world.store.set(PACE, seal(PACE, { reservedUntil }), 0);
    await world.fleet(4, { refresh });
    await world.clock.advance(6_000);
    expect(world.fetches).toHaveLength(200);
    expect(mostInASecond(world.fetches.map(({ at }) => at))).toBeLessThanOrEqual(50);
  });

  test.each([
    ['is damaged', { reservedUntil: 7 }],
    ['is of a newer release', { ...seal(PACE, {}), format: 2 }],
  ])('refreshing goes on when the reservation of the pace %s', async (_how, data) => {
    await using world = new FleetWorld({ random: seeded(3) });
    await allDue(world, appids(50));
    await world.store.set(PACE, data, 0);
    await world.fleet(2, { refresh });
    await world.clock.advance(5_000);
    expect(world.fetches).toHaveLength(50);
    expect(mostInASecond(world.fetches.map(({ at }) => at))).toBeLessThanOrEqual(2 * 50 + 2);
  });
});

test('an app with many keys keeps its own pace and leaves room for the others', async () => {
  await using world = new FleetWorld({ random: seeded(4) });
  const before = world.process({ refresh: 'never' });
  const tasks = Array.from({ length: 200 }, (_unused, index) => ({ type: TYPE, subject: `user-${index}` }) as const);
  await before.tokens.register({ appid: APPID, secret: SECRET, tasks });
  await world.clock.advance(1_000);
  await world.register(before.tokens, ...appids(20));
  await before.tokens.close();
  const warnings: Error[] = [];
  const warned = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warned);
  await world.fleet(2, { refresh: { maxPerSecond: 100, maxPerSecondOfApp: 10 } });
  await world.clock.advance(10_000);
  process.off('warning', warned);
  expect(warnings).toEqual([]);
  for (const appid of appids(20)) expect(world.fetchesOf(appid)).toHaveLength(1);
  await world.clock.advance(60_000);
  const times = world.fetchesOf(APPID).map(({ at }) => at);
  expect(times).toHaveLength(200);
  // Each process begins one a second without asking.
  expect(mostInASecond(times)).toBeLessThanOrEqual(10 + 2 * 2 + 5);
});

test('refreshes of callers reduce the pace for ten seconds at the most', async () => {
  await using world = new FleetWorld({ random: seeded(5) });
  const one = await world.started({ refresh: { maxPerSecond: 1 } });
  for (const appid of appids(100)) await one.tokens.register({ appid, secret: SECRET });
  for (const appid of appids(100)) await one.tokens.get(appid, TYPE);
  const later = ['a', 'b', 'c', 'd', 'e'];
  await world.register(one.tokens, ...later);
  const begun = (): number => later.filter((appid) => world.fetchesOf(appid).length > 0).length;
  await world.clock.advance(9_000);
  expect(begun()).toBeGreaterThanOrEqual(1);
  expect(begun()).toBeLessThanOrEqual(2);
  await world.clock.advance(9_000);
  expect(begun()).toBe(5);
});
