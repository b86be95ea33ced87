import { expect, test } from 'vitest';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { HANGING_TYPE, HangingMembers } from '../../../support/worlds/hanging-members.js';

/** More than a process has under way at once, of one app and of all. `npm run faults` runs many more. */
test.each([
  { apps: 150, tasks: 150 },
  { apps: 1, tasks: 150 },
])(`healthy tokens are refreshed in time for 12 min beside $tasks tasks that hang, of $apps apps`, async (given) => {
  await using members = await HangingMembers.start(given.apps, given.tasks, isFleet);
  // The margin of such a token is at least 0.4 of 300 s.
  expect(await members.leastLeftMs(12)).toBeGreaterThan(isFleet ? 100_000 : 110_000);
});

test('tasks that hung have tokens soon after their upstream answers again', async () => {
  await using members = await HangingMembers.start(1, 300, isFleet);
  const { tokens, world } = members;
  await world.clock.advance(600_000);
  members.heal();
  await world.clock.advance(120_000);
  const subjects = Array.from({ length: 300 }, (_unused, index) => `user${index}`);
  expect(subjects.filter((subject) => tokens.peek('bad0', HANGING_TYPE, { subject }) === undefined)).toEqual([]);
});
