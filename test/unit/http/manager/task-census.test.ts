import { expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { TaskCensuses } from '../../../../src/http/manager/task-census.js';
import { defineRefresher, type Refresher, TokenError } from '../../../../src/index.js';
import { APPID, SECRET, World } from '../../../support/worlds/world.js';

const TASKS = 10_000;

function withTasks(world: World): TaskCensuses {
  const engine = engineOf(world.manager());
  for (let number = 0; number < TASKS; number++) {
    const key = { appid: 'wx', type: 'oauth2_access_token', subject: `user-${number}` };
    engine.registry.setTask({ key, params: undefined, notify: undefined, functionMissing: false, version: 1 });
  }
  return new TaskCensuses(engine);
}

test('counting many tasks yields to other work, and simultaneous requests share the count', async () => {
  await using world = new World();
  const censuses = withTasks(world);
  let isTurn = false;
  const turn = setImmediate(() => {
    isTurn = true;
  });
  const [one, other] = await Promise.all([censuses.of(undefined), censuses.of(undefined)]);
  clearImmediate(turn);
  expect(isTurn).toBe(true);
  expect(one.states).toEqual({ fresh: 0, due: 0, expired: 0, missing: 0, waiting: TASKS });
  expect(other).toBe(one);
});

test.each([
  [19_999, true],
  [20_000, false],
])('a count that took 2 s is reused for ten times that: %i ms later it is the same, %s', async (ms, isSame) => {
  await using world = new World();
  const censuses = withTasks(world);
  const taking = censuses.of(undefined);
  await world.clock.advance(2_000);
  const census = await taking;
  await world.clock.advance(ms - 2_000);
  expect((await censuses.of(undefined)) === census).toBe(isSame);
});

test.each([false, true])(
  'tasks are counted by what they wait for, whether or not a fleet shares the store: %s',
  async (fleet) => {
    await using world = new World({ fleet });
    const users = defineRefresher({
      type: 'oauth2_access_token',
      spends: 'refresh_token',
      async refresh({ params, spend }) {
        await spend(params['refresh_token'] as string | undefined);
        throw new TokenError('UPSTREAM_REJECTED', 'nothing was to be sent');
      },
    } as Refresher<'oauth2_access_token'>);
    const tokens = world.manager({ refreshers: [world.wechat, users as Refresher<never>] });
    const tasks = ['oauth2_access_token', 'component_access_token'] as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks });
    await world.clock.advance(10_000);
    const { waiting } = await new TaskCensuses(engineOf(tokens)).of(undefined);
    expect(waiting).toEqual({ push: 1, refresh_token: 1, dependency: 0, params: 0, store: 0, process: 0 });
  },
);

test('a platform whose ticket WeChat refuses is counted as waiting for a push, until another ticket has come', async () => {
  await using world = new World();
  const platform = defineRefresher({
    type: 'component_access_token',
    dependsOn: ({ appid }) => [{ appid, type: 'component_verify_ticket' }],
    async refresh({ key, token, spend }) {
      const { value } = await spend(await token({ appid: key.appid, type: 'component_verify_ticket' }));
      if (value === 'CANARY-good') return { value: 'CANARY-token', expiresInSeconds: 7_200 };
      throw new TokenError('INPUT_MISSING', 'component ticket is invalid', { errcode: 61006 });
    },
  });
  const tokens = world.manager({ refreshers: [platform as Refresher<never>] });
  const censuses = new TaskCensuses(engineOf(tokens));
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['component_access_token'] });
  const countedWith = async (value: string): Promise<object> => {
    await tokens.put(APPID, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
    await world.clock.advance(10_000);
    const { states, waiting } = await censuses.of(undefined);
    return { ...states, push: waiting.push };
  };
  expect(await countedWith('CANARY-bad')).toMatchObject({ waiting: 1, missing: 0, push: 1 });
  expect(await countedWith('CANARY-good')).toMatchObject({ waiting: 0, fresh: 1, push: 0 });
});
