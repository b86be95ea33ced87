import { describe, expect, test } from 'vitest';
import { defineRefresher, type Refresher, TokenError, type TokenManager } from '../../../../src/index.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const BUSY = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { retryable: true });
const REFUSED = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
const MINUTE = 60_000;

const ticket = defineRefresher({
  type: 'ticket',
  dependsOn: ({ appid }) => [{ appid, type: TYPE }],
  async refresh({ key, token }) {
    return { value: `of-${await token({ appid: key.appid, type: TYPE })}`, expiresInSeconds: 7_200 };
  },
});

function withTickets(world: World): TokenManager<'ticket'> {
  return world.manager({ refreshers: [world.wechat as Refresher as Refresher<'ticket'>, ticket] });
}

/** How often the access token is asked for in ten minutes in which it fails, with a new ticket every few seconds. */
async function callsWith(tickets: number): Promise<number> {
  await using world = new World();
  const tokens = withTickets(world);
  world.wechat.always = BUSY;
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  for (let index = 0; index < 60; index++) {
    await world.clock.advance(10_000);
    const tasks = [{ type: 'ticket', subject: `s${index}` }] as const;
    if (index < tickets) await tokens.register({ appid: APPID, tasks });
  }
  return world.wechat.calls;
}

test('tasks that wait for a token do not have it asked for any earlier than without them', async () => {
  const alone = await callsWith(0);
  // Each may bring the attempt that is due anyway forward by a moment.
  expect(await callsWith(60)).toBeLessThanOrEqual(alone + 2);
});

describe('a task whose dependency has failed', () => {
  test('a task whose dependency has failed is not retried before the dependency, and gets its token with it', async () => {
    await using world = new World();
    const tokens = withTickets(world);
    world.wechat.always = REFUSED;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await world.clock.advance(1_000);
    await tokens.register({ appid: APPID, tasks: ['ticket'] });
    await world.clock.advance(9 * MINUTE);
    expect(world.log.filter((line) => line.startsWith('refreshFailed ticket'))).toHaveLength(1);
    expect(world.wechat.calls).toBe(1);
    world.wechat.always = undefined;
    await world.clock.advance(2 * MINUTE);
    expect(tokens.peek(APPID, 'ticket')?.value).toBe('of-token-1');
  });

  test('a task whose dependency has failed is reported once, however many callers meet that failure', async () => {
    await using world = new World();
    const tokens = withTickets(world);
    world.wechat.always = REFUSED;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, 'ticket'] });
    for (let caller = 0; caller < 50; caller++) {
      await world.clock.advance(1_000);
      await expect(tokens.get(APPID, 'ticket')).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40125 });
    }
    expect(world.log.filter((line) => line.startsWith('refreshFailed ticket'))).toHaveLength(1);
    expect(world.wechat.calls).toBe(1);
  });

  test('a task whose dependency has failed is woken when the dependency changes', async () => {
    await using world = new World();
    const tokens = withTickets(world);
    world.wechat.always = REFUSED;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, 'ticket'] });
    await world.clock.advance(MINUTE);
    world.wechat.always = undefined;
    await tokens.register({ appid: APPID, secret: 'CANARY-another' });
    await world.clock.advance(5_000);
    expect(tokens.peek(APPID, 'ticket')?.value).toBe('of-token-1');
  });

  test('a task whose dependency has failed is still tried for a waiting caller', async () => {
    await using world = new World();
    const tokens = withTickets(world);
    world.wechat.next(BUSY);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, 'ticket'] });
    expect(await world.within(10_000, tokens.get(APPID, 'ticket'))).toBe('of-token-1');
  });
});
