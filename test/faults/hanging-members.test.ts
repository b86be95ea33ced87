import { describe, expect, test } from 'vitest';
import { HangingMembers } from '../support/worlds/hanging-members.js';

describe.each([
  { fleet: false, leastMs: 110_000 },
  { fleet: true, leastMs: 100_000 },
])('many tasks that hang (fleet: $fleet)', ({ fleet, leastMs }) => {
  test.each([
    { apps: 200, tasks: 600 },
    { apps: 1, tasks: 800 },
  ])('healthy tokens are refreshed in time beside $tasks tasks that hang, of $apps apps', async ({ apps, tasks }) => {
    await using members = await HangingMembers.start(apps, tasks, fleet);
    expect(await members.leastLeftMs(12)).toBeGreaterThan(leastMs);
  });
});
