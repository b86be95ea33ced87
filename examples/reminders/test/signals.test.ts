import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_REDIS, skips } from './support/redis.js';
import { APPID, SECRET, TEMPLATE, World } from './support/world.js';

const WORKER = fileURLToPath(new URL('../dist/src/worker.js', import.meta.url));
const SEND_PATH = '/cgi-bin/message/subscribe/send';

describe.skipIf(skips)(`a worker that a signal stops${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let world: World;

  beforeAll(async () => {
    world = await World.start();
  });

  afterAll(() => world?.close());

  test('a worker finishes the message that it is sending, even after a second signal', async () => {
    const session = await world.logIn('o-signal');
    const { id } = await world.createDue(session);
    const instant = Date.now();
    await world.database.hset(`{reminders}:reminder:${id}`, 'nextAt', instant);
    await world.database.zadd('{reminders}:due', instant, id);
    world.wechat.delayMs = 1_000;
    const env = {
      ...process.env,
      REDIS_URL: world.redis.url,
      WECHAT_APPID: APPID,
      WECHAT_SECRET: SECRET,
      WECHAT_ORIGIN: world.wechat.origin,
      REMINDERS_TEMPLATE: TEMPLATE,
      LOG_LEVEL: 'silent',
    };
    const worker = spawn(process.execPath, [WORKER], { env, stdio: 'ignore' });
    await world.wechat.nextCall(SEND_PATH);
    const exited = once(worker, 'exit');
    worker.kill('SIGTERM');
    await wait(200);
    worker.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect((await world.list(session)).reminders).toMatchObject([{ outcomes: [{ instant, state: 'sent' }] }]);
  });
});
