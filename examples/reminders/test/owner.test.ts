import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WeChatApp } from '../src/wechat-app.js';
import { startWork, type WorkService } from '../src/work-service.js';
import { NO_REDIS, skips } from './support/redis.js';
import { World } from './support/world.js';

const log = { info: () => {}, warn: () => {}, error: () => {} };

describe.skipIf(skips)(`a database with the reminders of an app${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;
  const apps: WeChatApp[] = [];
  const works: WorkService[] = [];

  beforeAll(async () => {
    world = await World.start();
    await world.app.ready;
  });

  afterAll(async () => {
    for (const work of works) await work.stop();
    for (const app of apps) await app.close();
    await world?.close();
  });

  function startApp(appid: string): WeChatApp {
    const app = new WeChatApp({ ...world.settings, appid }, log);
    apps.push(app);
    return app;
  }

  test('another process of the same app may use the database', async () => {
    await expect(startApp(world.settings.appid).ready).resolves.toBeUndefined();
  });

  test('the database is refused to another app, whose worker takes none of the messages', async () => {
    const app = startApp('wxfedcba9876543210');
    works.push(startWork({ ...world.settings, clock: world.clock }, app, log));
    await expect(app.ready).rejects.toThrow(
      new TypeError('REDIS_URL names a database with the reminders of another app: use another, such as .../1'),
    );
    const due = await world.createDue(await world.logIn('o-owner'));
    world.clock.set(due.instant);
    await world.queue.addAll([{ ...due, id: 'of-the-first-app' }]);
    const jobs = (): Promise<string[]> => world.database.lrange('{reminders}:bull:occurrences:wait', 0, -1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await jobs()).toContain(`of-the-first-app-${due.instant}`);
  });
});
