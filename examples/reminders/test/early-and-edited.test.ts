import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Due } from '../src/delivery/delivery.js';
import { NO_REDIS, skips } from './support/redis.js';
import { NOON, World } from './support/world.js';

const SEND_PATH = '/cgi-bin/message/subscribe/send';
const SUNDAY = 7;
const WEEK_MS = 7 * 86_400_000;
let users = 0;

describe.skipIf(skips)(`an occurrence whose clocks disagree${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;
  let session: string;
  let due: Due;

  beforeAll(async () => {
    world = await World.start();
  });

  afterAll(() => world?.close());

  beforeEach(async () => {
    await world.reset();
    session = await world.logIn(`o-clock-${users++}`);
    due = await world.createDue(session);
  });

  test.each([
    [-5_001, 'waits until then'],
    [-5_000, 'is sent'],
  ])('an occurrence whose job was promoted by hand to %i ms from its instant %s', async (lateMs, what) => {
    const next = await world.deliver(due, { lateMs });
    const [reminder] = (await world.list(session)).reminders;
    if (what === 'is sent') return expect(reminder?.['outcomes']).toMatchObject([{ state: 'sent' }]);
    expect(next).toEqual({ retryAt: due.instant });
    expect(reminder).toMatchObject({ nextAt: due.instant, outcomes: [] });
  });

  test('an edit of the weekdays while a message is sent applies to the next occurrence, though the instant stays', async () => {
    // The web server's clock is behind the worker's: to it the instant is still to come, and NOON is on a Sunday.
    world.wechat.delayMs = 200;
    const sending = world.deliver(due);
    await world.wechat.nextCall(SEND_PATH);
    world.clock.set(NOON);
    const edited = await world.ask('PATCH', `/reminders/${due.id}`, { weekdays: [SUNDAY] }, session);
    expect(edited).toMatchObject({ status: 200, body: { nextAt: due.instant } });
    expect(await sending).toEqual({ due: { id: due.id, instant: due.instant + WEEK_MS } });
    world.wechat.delayMs = 0;
    expect((await world.list(session)).reminders).toMatchObject([
      { nextAt: due.instant + WEEK_MS, outcomes: [{ instant: due.instant, state: 'sent' }] },
    ]);
    expect(await world.occurrences.totals()).toEqual({ sent: 1 });
  });
});
