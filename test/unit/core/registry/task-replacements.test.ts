import { expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { TaskReplacements } from '../../../../src/core/registry/task-replacements.js';
import { seal } from '../../../../src/core/store/document-codec.js';
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

test.each([
  ['have authorized the app', 'authorization', { state: 'authorized' }, true],
  ['are about to authorize the app', 'owed', { kind: 'exchange' }, true],
  ['no longer authorize the app', 'authorization', { state: 'unauthorized' }, false],
])('a replacement keeps the tasks of accounts that %s: %s %j', async (_case, kind, content, isKept) => {
  await using world = new World();
  const tokens = world.manager();
  const tasks = ['wxmerchant', 'a-user'].map((subject) => ({ type: TYPE, subject }) as const);
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, ...tasks] });
  const id = `${kind}/${APPID}/wxmerchant`;
  await world.store.set(id, seal(id, { ...content, changedAt: 1, createdAt: 1 }), 0);
  const replacements = new TaskReplacements(tokens, engineOf(tokens));
  await replacements.replace({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE }] });
  expect(tokens.hasTask(APPID, TYPE)).toBe(true);
  expect(tokens.hasTask(APPID, TYPE, { subject: 'wxmerchant' })).toBe(isKept);
  expect(tokens.hasTask(APPID, TYPE, { subject: 'a-user' })).toBe(false);
});
