import { expect, test } from 'vitest';
import { APPID, TYPE, World } from '../../../support/worlds/world.js';

test('a token that this process has refreshed is announced as its own, also where a read shows it before the write returns', async () => {
  await using world = new World();
  const { set } = world.store;
  let answer: () => void = () => {};
  const returned = new Promise<void>((resolve) => (answer = resolve));
  let isStored = false;
  world.store.set = async (id, ...rest) => {
    const version = await set.call(world.store, id, ...rest);
    if (id.startsWith('key/') && rest[0]['grant'] !== undefined) {
      isStored = true;
      await returned;
    }
    return version;
  };
  const tokens = await world.registered();
  const first = tokens.get(APPID, TYPE);
  await world.clock.advance(50);
  expect(isStored).toBe(true);
  const second = tokens.get(APPID, TYPE);
  await world.clock.advance(50);
  answer();
  expect(await Promise.all([first, second])).toEqual(['token-1', 'token-1']);
  expect(world.log).toEqual(['refreshed access_token upstream']);
});
