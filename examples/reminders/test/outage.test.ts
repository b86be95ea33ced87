import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_REDIS, skips } from './support/redis.js';
import { APPID, TEMPLATE, World } from './support/world.js';

describe.skipIf(skips)(`an occurrence while WeChat is unavailable${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;

  beforeAll(async () => {
    world = await World.start();
  });

  afterAll(() => world?.close());

  test('an occurrence waits while WeChat is unavailable, and is sent afterwards', async () => {
    const openid = 'o-outage';
    const session = await world.logIn(openid);
    const due = await world.createDue(session);
    const outcomes = async (): Promise<unknown> => (await world.list(session)).reminders[0]?.['outcomes'];
    const { origin } = world.wechat;
    await world.wechat.close();
    expect(await world.deliver(due)).toMatchObject({ retryAt: expect.any(Number) });
    expect(await outcomes()).toMatchObject([{ state: 'waiting', reason: expect.stringContaining('ECONNREFUSED') }]);
    await world.reopenWeChat(Number(new URL(origin).port));
    world.wechat.acceptPrompt(APPID, openid, TEMPLATE);
    const retried = async (): Promise<unknown> => {
      await world.deliver(due, { lateMs: 1_000 });
      return outcomes();
    };
    await expect.poll(retried).toMatchObject([{ state: 'sent' }]);
  });
});
