import { expect, test } from 'vitest';
import { COMPONENT, MERCHANT, PlatformWorld } from '../../../support/worlds/platform-world.js';

const TYPE = 'authorizer_access_token';
const OF_MERCHANT = { subject: MERCHANT };

test('a process that does not refresh takes tickets and authorizations, and leaves the exchange to another', async () => {
  await using world = new PlatformWorld();
  const { tokens } = await world.receiving();
  const reader = world.process({}, { refresh: 'never' });
  expect((await world.push(reader.receiver, world.ticket('second'))).body).toBe('success');
  expect((await world.push(reader.receiver, world.authorized('code-1'))).body).toBe('success');
  await world.settle();
  expect(world.platform.countOf('api_query_auth')).toBe(0);
  await world.settle(61_000);
  expect(world.platform.countOf('api_query_auth')).toBe(1);
  expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
});

test('an authorizer gets no task where none is wanted, and its token is stored', async () => {
  await using world = new PlatformWorld();
  const { tokens, receiver } = await world.receiving({ authorizerTasks: [] });
  await world.push(receiver, world.authorized('code-1', 5_000));
  await world.settle();
  expect(tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(false);
  expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
  expect(world.events).toEqual([`authorized ${COMPONENT} ${MERCHANT}`]);
  await world.push(receiver, world.unauthorized());
  await world.settle();
  expect(world.events.at(-1)).toBe(`unauthorized ${COMPONENT} ${MERCHANT}`);
  await expect(tokens.get(COMPONENT, TYPE, OF_MERCHANT)).rejects.toMatchObject({ code: 'INPUT_MISSING' });
});
