import { expect, test } from 'vitest';
import { RestoredWorld } from '../../../support/worlds/restored-world.js';
import { TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

const VERSIONS = ['counted', 'of the clock'] as const;
const IDS = [`app/${APPID}`, `task/${APPID}/${TYPE}/openid-1`];

/** Deletes all documents of some kinds from the store, without notification. */
function lose({ store }: RestoredWorld, ...kinds: string[]): void {
  const { documents, deleted } = store.state();
  const isLost = (id: string): boolean => kinds.some((kind) => id.startsWith(`${kind}/`));
  store.restore({ documents: new Map([...documents].filter(([id]) => !isLost(id))), deleted });
}

test.each(VERSIONS)('a store that loses its history last gets everything back, with versions %s', async (versions) => {
  await using world = new RestoredWorld({ versions });
  const [one, other] = [await world.process(), await world.process()];
  await world.register(one);
  const refreshToken = await world.login(one);
  await other.get(APPID, TYPE, USER);
  await world.clock.advance(70_000);
  lose(world, 'key', 'app', 'task');
  // Everything that is missing is read while the history says that it was deleted on purpose.
  world.store.tell();
  await world.clock.advance(1_000);
  const refused = { code: 'NOT_REGISTERED' };
  for (const tokens of [one, other]) await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject(refused);
  world.store.wipe();
  await world.clock.advance(130_000);
  expect(world.store.ids('app', 'task')).toEqual(IDS);
  expect(world.storedToken()).toBe(refreshToken);
  for (const tokens of [one, other]) expect(await tokens.get(APPID, TYPE, USER)).toBe(`login with ${refreshToken}`);
});

test.each(VERSIONS)(
  'a store that loses its records first keeps their refresh tokens, with versions %s',
  async (versions) => {
    await using world = new RestoredWorld({ versions });
    const tokens = await world.process();
    await world.register(tokens);
    const refreshToken = await world.login(tokens);
    await world.clock.advance(70_000);
    lose(world, 'key', 'app');
    // Held refresh tokens are compared with the store each minute.
    await world.clock.advance(60_000);
    world.store.wipe();
    await world.clock.advance(130_000);
    expect(world.store.ids('app', 'task')).toEqual(IDS);
    expect(world.storedToken()).toBe(refreshToken);
  },
);

test.each([
  { afterMs: 500_000, isBack: true },
  { afterMs: 700_000, isBack: false },
])('what was missing $afterMs ms before a store was replaced is put back: $isBack', async ({ afterMs, isBack }) => {
  await using world = new RestoredWorld({ versions: 'counted' });
  const tokens = await world.process();
  await world.register(tokens);
  await world.login(tokens);
  lose(world, 'key', 'app', 'task');
  world.store.tell();
  await world.clock.advance(afterMs);
  world.store.wipe();
  await world.clock.advance(70_000);
  expect(world.store.ids('app', 'task')).toEqual(isBack ? IDS : []);
});

test.each(['the same process', 'another process'])(
  'what %s has unregistered before a store was emptied is not put back',
  async (who) => {
    await using world = new RestoredWorld({ versions: 'counted' });
    const [one, other] = [await world.process(), await world.process()];
    await world.register(one);
    await world.login(one);
    await world.clock.advance(25 * 3_600_000);
    await (who === 'the same process' ? one : other).unregister(APPID);
    world.store.tell();
    await world.clock.advance(1_000);
    world.store.wipe();
    await world.clock.advance(130_000);
    expect(world.store.ids('app', 'task', 'key')).toEqual([]);
  },
);
