import { expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { TaskReplacements } from '../../../../src/core/registry/task-replacements.js';
import { closable, closed, isQuiet } from '../../../support/stores/closable-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

test('a replacement that waits for another process is CLOSED at once, and leaves no timer', async () => {
  await using world = new World();
  const { store, tokens } = closable(world);
  await tokens.start();
  await world.store.lease(`app/${APPID}/~replacing`, 20_000);
  const replacements = new TaskReplacements(tokens, engineOf(tokens));
  const replacing = replacements.replace({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE }] }).then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
  await world.clock.advance(2_010);
  expect(await closed(world, tokens)).toBe(0);
  expect([world.clock.pendingTimers, await replacing]).toEqual([0, 'CLOSED']);
  expect(await isQuiet(world, store)).toEqual([0, 0]);
});
