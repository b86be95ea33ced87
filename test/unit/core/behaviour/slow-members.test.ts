import { afterEach, expect, test } from 'vitest';
import { defineRefresher, type RefreshContext, type TokenManager } from '../../../../src/index.js';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { seeded } from '../../../support/worlds/fleet-world.js';
import { World } from '../../../support/worlds/world.js';

const TYPE = 'user_token';
const LIFE_SECONDS = 600;
const HEALTHY = Array.from({ length: 60 }, (_unused, index) => `good${index}`);

let world: World | undefined;

afterEach(async () => {
  await world?.[Symbol.asyncDispose]();
  world = undefined;
});

/** Healthy apps beside broken ones, whose refreshes hang. */
async function besideBroken(apps: number, tasks: number): Promise<{ tokens: TokenManager<string>; heal: () => void }> {
  let isBroken = true;
  world = new World({ random: seeded(7) });
  const refresher = defineRefresher({
    type: TYPE as string,
    async refresh({ key, signal }: RefreshContext) {
      if (isBroken && key.appid.startsWith('bad'))
        return new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      return { value: `token of ${key.appid} ${world?.clock.now()}`, expiresInSeconds: LIFE_SECONDS };
    },
  });
  const tokens = world.manager<string>({ refreshers: [refresher] });
  for (const appid of HEALTHY) await during(tokens.register({ appid, secret: 's', tasks: [{ type: TYPE }] }));
  await world.clock.advance(5_000);
  for (let app = 0; app < apps; app++) {
    const subjects = Array.from({ length: tasks / apps }, (_unused, index) => ({
      type: TYPE,
      subject: `user${index}`,
    }));
    await during(tokens.register({ appid: `bad${app}`, secret: 's', tasks: subjects }));
  }
  return {
    tokens,
    heal() {
      isBroken = false;
    },
  };
}

async function during<Result>(call: Promise<Result>): Promise<Result> {
  let isOver = false;
  const ended = call.finally(() => {
    isOver = true;
  });
  while (!isOver) await world?.clock.advance(100);
  return ended;
}

/** The shortest time that any healthy token had left, looked at every 10 s. */
async function leastLeftMs(tokens: TokenManager<string>, seconds: number): Promise<number> {
  const { clock } = world as World;
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at < seconds; at += 10) {
    await clock.advance(10_000);
    for (const appid of HEALTHY) {
      least = Math.min(least, (tokens.peek(appid, TYPE)?.expiresAt ?? 0) - clock.now());
    }
  }
  return least;
}

test.each([
  { apps: 200, tasks: 600, hours: 0.2 },
  { apps: 1, tasks: 800, hours: 0.2 },
])(`healthy tokens are refreshed in time for $hours h beside $tasks tasks that hang, of $apps apps`, async (given) => {
  const { tokens } = await besideBroken(given.apps, given.tasks);
  // The margin of such a token is at least 0.4 of 300 s.
  expect(await leastLeftMs(tokens, given.hours * 3_600)).toBeGreaterThan(isFleet ? 100_000 : 110_000);
});

test('tasks that hung have tokens soon after their upstream answers again', async () => {
  const { tokens, heal } = await besideBroken(1, 300);
  await world?.clock.advance(600_000);
  heal();
  await world?.clock.advance(120_000);
  const subjects = Array.from({ length: 300 }, (_unused, index) => `user${index}`);
  expect(subjects.filter((subject) => tokens.peek('bad0', TYPE, { subject }) === undefined)).toEqual([]);
});
