import { expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine-of.js';
import { TaskCensuses } from '../../../../src/http/metrics/task-census.js';
import { World } from '../../../support/world.js';

const TASKS = 10_000;

test('others have their turn while many tasks are counted, and each is counted once', async () => {
  await using world = new World();
  const engine = engineOf(world.manager());
  for (let number = 0; number < TASKS; number++) {
    const key = { appid: 'wx', type: 'oauth2_access_token', subject: `user-${number}` };
    engine.registry.setTask({ key, params: undefined, notify: undefined, functionMissing: false, version: 1 });
  }
  const censuses = new TaskCensuses(engine);
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
