import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileStore, TokenManager } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';

let wechat: FakeWeChat;
let directory: string;

beforeEach(async () => {
  wechat = await FakeWeChat.start();
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
});

afterEach(async () => {
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

test('I3: a process that has registered an app gets its tokens while others register the same app and many more', async () => {
  const managers = Array.from(
    { length: 3 },
    () => new TokenManager({ store: new FileStore(directory), wechat: { origins: [wechat.origin] } }),
  );
  const appids = Array.from({ length: 12 }, (_item, index) => `wx-${index}`);
  const got = managers.map(async (tokens) => {
    for (const appid of appids) {
      await tokens.register({ appid, secret: 'secret', tasks: ['access_token', 'jsapi_ticket'] });
      expect(wechat.isValid(await tokens.get(appid, 'access_token'))).toBe(true);
      expect(wechat.isValid(await tokens.get(appid, 'jsapi_ticket'))).toBe(true);
      expect(tokens.hasTask(appid, 'jsapi_ticket')).toBe(true);
    }
  });
  await Promise.all(got);
  expect(wechat.countCalls()).toBe(2 * appids.length);
  await Promise.all(managers.map((tokens) => tokens.close()));
});
