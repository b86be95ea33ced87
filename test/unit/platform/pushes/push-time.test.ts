import { expect, test } from 'vitest';
import { COMPONENT, MERCHANT, PlatformWorld } from '../../../support/worlds/platform-world.js';

const CODE = 'code-1';

/** Makes commands of the store take so long. */
function slow(world: PlatformWorld, name: 'get' | 'set', ms: number): void {
  const command = world.store[name].bind(world.store) as (...args: unknown[]) => Promise<unknown>;
  const later = (...args: unknown[]): Promise<unknown> =>
    new Promise((resolve) => world.clock.setTimer(() => resolve(command(...args)), ms));
  Object.assign(world.store, { [name]: later });
}

/** Returns the time after which a push of an authorization is answered, and the status. */
async function answered(world: PlatformWorld, { receiver }: ReturnType<PlatformWorld['process']>): Promise<unknown> {
  const begin = world.clock.monotonic();
  let answer: unknown;
  void world.push(receiver, world.authorized(CODE)).then(({ status }) => {
    answer = [status, world.clock.monotonic() - begin];
  });
  for (let step = 0; step < 60 && answer === undefined; step++) await world.settle();
  return answer;
}

test('a push whose app and documents are read slowly is given up after four seconds in all', async () => {
  await using world = new PlatformWorld({ fleet: true });
  await world.receiving();
  const process = world.process();
  slow(world, 'get', 1_400);
  slow(world, 'set', 60_000);
  expect(await answered(world, process)).toEqual([500, 4_000]);
});

test.each(['get', 'set'] as const)('a push is answered 500 after 1.5 s of one %s of the store', async (name) => {
  await using world = new PlatformWorld();
  const process = await world.receiving();
  slow(world, name, 1_600);
  expect(await answered(world, process)).toEqual([500, 1_500]);
  expect(world.errors.map(({ message }) => message)).toEqual(['the store has not answered the push within 1500 ms']);
});

test('an authorization that is written after its push was answered 500 is completed at once', async () => {
  await using world = new PlatformWorld();
  const process = await world.receiving();
  slow(world, 'set', 1_600);
  expect(await answered(world, process)).toEqual([500, 1_500]);
  await world.settle(15_000);
  expect(world.events).toEqual([`authorized ${COMPONENT} ${MERCHANT}`]);
});
