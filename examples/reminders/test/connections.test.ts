import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectForRequests, connectForWork } from '../src/connections.js';
import { FrozenProxy } from './support/frozen-proxy.js';
import { NO_REDIS, skips, TestRedis } from './support/redis.js';

const log = { info: () => {}, warn: () => {}, error: () => {} };

describe.skipIf(skips)(`a connection that falls silent without being closed${skips ? `: ${NO_REDIS}` : ''}`, () => {
  let redis: TestRedis;
  let proxy: FrozenProxy;

  beforeAll(async () => {
    redis = await TestRedis.start();
    proxy = await FrozenProxy.start(redis.url);
  });

  afterAll(async () => {
    await proxy?.close();
    await redis?.close();
  });

  test('a silent connection is replaced, and the new one answers the pending commands of workers', async () => {
    const [forRequests, forWork] = [connectForRequests(proxy.url, log), connectForWork(proxy.url, log)];
    const ping = (): Promise<string> => forRequests.ping().catch((error: Error) => error.message);
    await expect.poll(ping).toBe('PONG');
    await forWork.set('name', 'before');
    proxy.freeze();
    const read = forWork.get('name');
    expect(await ping()).toBe('Command timed out');
    await expect.poll(ping, { timeout: 15_000 }).toBe('PONG');
    expect(await read).toBe('before');
    forRequests.disconnect();
    forWork.disconnect();
  });
});
