import { expect, test } from 'vitest';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { RestoredWorld } from '../../../support/worlds/restored-world.js';
import { TYPE } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const USERS = 400;
const MOST_COMMANDS_OF_A_USER = 20;

test('an app with hundreds of users is put back into an emptied store with a few commands of each process for each user', async () => {
  await using world = new RestoredWorld({ isShared: true, versions: 'of the clock' });
  const { store, clock } = world;
  const users = Array.from({ length: USERS }, (_unused, index) => `openid-${index}`);
  const ways = [1, 2, 3].map(() => new FaultyStore(shared(store)));
  for (const way of ways) way.afterSet = (id) => store.tell(id);
  const processes = await Promise.all(ways.map((way) => world.process(way)));
  const tasks = users.map((subject) => ({ type: TYPE, subject }) as const);
  await processes[0]?.register({ appid: APPID, secret: SECRET, tasks });
  for (const [index, subject] of users.entries()) {
    const grant = { value: `token of ${subject}`, expiresInSeconds: 7_200, refreshToken: `refresh of ${subject}` };
    await processes[index % processes.length]?.put(APPID, TYPE, grant, { subject });
  }
  await clock.advance(1_000);
  store.wipe();
  for (const way of ways) way.calls.length = 0;

  await clock.advance(62_000);
  const rotations = users.map((subject) => store.data(`key/${APPID}/${TYPE}/${subject}`)?.['rotation']);
  expect(rotations).toEqual(users.map((subject) => expect.objectContaining({ token: `refresh of ${subject}` })));
  for (const { calls } of ways) expect(calls.length / USERS).toBeLessThan(MOST_COMMANDS_OF_A_USER);
});
