import { describe, expect, test } from 'vitest';
import type { TokenManager, TokenStore } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const TASK_ID = `task/${APPID}/${TYPE}`;

async function evict(world: World): Promise<void> {
  const [document] = await world.store.get([TASK_ID]);
  await world.store.delete(TASK_ID, document?.version ?? 0);
}

async function damage(world: World): Promise<void> {
  const [document] = await world.store.get([TASK_ID]);
  await world.store.set(TASK_ID, { ...document?.data, checksum: 'torn' }, document?.version ?? 0);
}

/** Two processes that each give the task a params function, which says who was asked. */
async function twoProcesses(
  store?: (world: World) => TokenStore,
): Promise<{ world: World; asked: string[]; processes: [TokenManager, TokenManager] }> {
  const world = new World();
  const asked: string[] = [];
  const first = store === undefined ? world.manager() : world.manager({ store: store(world) });
  const processes: [TokenManager, TokenManager] = [first, world.manager()];
  await processes[1].start();
  await registerBy(processes[0], 'first', asked);
  await world.within(5_000, processes[0].get(APPID, TYPE));
  expect(asked).toEqual(['first']);
  return { world, asked, processes };
}

async function registerBy(tokens: TokenManager, name: string, asked: string[]): Promise<void> {
  const params = (): { who: string } => {
    asked.push(name);
    return { who: name };
  };
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params }] });
}

describe('the params function of a task whose document was lost and registered again by another process', () => {
  test.each([
    ['evicted', evict],
    ['damaged', damage],
  ])(
    'a params function is still asked by its process where the task document was %s and registered again',
    async (_, lose) => {
      const { world, asked, processes } = await twoProcesses();
      await using _world = world;
      const [first, second] = processes;
      await lose(world);
      await world.clock.advance(1_000);
      expect(first.hasTask(APPID, TYPE)).toBe(false);
      await registerBy(second, 'second', asked);
      await world.clock.advance(1_000);
      await world.within(20_000, second.close());
      await world.within(5_000, first.refresh(APPID, TYPE, { force: true }));
      expect(asked.at(-1)).toBe('first');
      const before = asked.length;
      await world.clock.advance(7_200_000);
      expect(asked.slice(before)).toEqual(['first']);
    },
  );

  test('a params function is still asked where the new registration comes before the loss is known', async () => {
    let tell = (_id: string): void => {};
    const { world, asked, processes } = await twoProcesses(({ store }) => ({
      ...shared(store),
      watch: async (changed) => {
        tell = changed;
        return async () => {};
      },
    }));
    await using _world = world;
    const [first, second] = processes;
    await evict(world);
    await registerBy(second, 'second', asked);
    tell(TASK_ID);
    await world.clock.advance(1_000);
    await world.within(20_000, second.close());
    await world.within(5_000, first.refresh(APPID, TYPE, { force: true }));
    expect(asked.at(-1)).toBe('first');
  });

  test('a params function is no longer asked where the task was registered again without a function', async () => {
    const { world, asked, processes } = await twoProcesses();
    await using _world = world;
    const [first, second] = processes;
    await evict(world);
    await world.clock.advance(1_000);
    await second.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await world.clock.advance(1_000);
    await world.within(5_000, first.refresh(APPID, TYPE, { force: true }));
    expect(asked).toEqual(['first']);
  });
});

test.each([
  ['the task, by another process', 1, TYPE],
  ['the app, by another process', 1, undefined],
  ['the task, by this process', 0, TYPE],
] as const)('a params function is not asked after an unregistration and a registration of %s', async (_, by, type) => {
  const { world, asked, processes } = await twoProcesses();
  await using _world = world;
  const [first, second] = processes;
  const unregistering = processes[by];
  await world.within(
    1_000,
    type === undefined ? unregistering.unregister(APPID) : unregistering.unregister(APPID, type),
  );
  await world.clock.advance(1_000);
  await registerBy(second, 'second', asked);
  await world.clock.advance(1_000);
  await world.within(20_000, second.close());
  await world.clock.advance(7_200_000);
  expect(asked.filter((name) => name === 'first')).toEqual(['first']);
  const got = world.within(30_000, first.get(APPID, TYPE));
  await expect(got).rejects.toMatchObject({ code: 'INPUT_MISSING' });
});

test('many tasks with params functions that are gone at once are checked under one lease of their app', async () => {
  await using world = new World();
  const [first, second] = [world.manager(), world.manager()];
  await second.start();
  const tasks = Array.from(
    { length: 50 },
    (_, index) => ({ type: TYPE, subject: `s${index}`, params: () => ({}) }) as const,
  );
  await world.within(1_000, first.register({ appid: APPID, secret: SECRET, tasks }));
  await world.clock.advance(5_000);
  let leases = 0;
  const lease = world.store.lease.bind(world.store);
  world.store.lease = (id, ttl) => {
    if (id === `app/${APPID}`) leases++;
    return lease(id, ttl);
  };
  await world.within(1_000, second.unregister(APPID));
  await world.clock.advance(5_000);
  expect(leases).toBeLessThan(isFleet ? 20 : 10);
});
