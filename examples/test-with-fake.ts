// #region test-with-fake

import { expect, onTestFinished, test } from 'vitest';
import { TokenManager } from 'wechat-token-manager';
import { FakeClock, FakeWeChat } from 'wechat-token-manager/testing';
import { callbackIps } from './call-with-replay.js';

const APPID = 'wx0123456789abcdef';

async function start(): Promise<{ clock: FakeClock; wechat: FakeWeChat; tokens: TokenManager }> {
  const clock = new FakeClock();
  const wechat = await FakeWeChat.start({ clock, apps: { [APPID]: { secret: 'secret-of-the-test' } } });
  const tokens = new TokenManager({ clock, wechat: { origins: [wechat.origin] } });
  onTestFinished(async () => {
    await tokens.close();
    await wechat.close();
  });
  await tokens.register({ appid: APPID, secret: 'secret-of-the-test', tasks: ['access_token'] });
  return { clock, wechat, tokens };
}

test('the application goes on after another system has taken its token away', async () => {
  const { wechat, tokens } = await start();
  await tokens.get(APPID, 'access_token');
  wechat.revoke(APPID);

  expect(await callbackIps(tokens, APPID, wechat.origin)).toEqual({ ip_list: ['127.0.0.1'] });
});

test('the application has a token two hours later, although WeChat is out for a while', async () => {
  const { clock, wechat, tokens } = await start();
  const first = await tokens.get(APPID, 'access_token');
  wechat.outage(true);
  await clock.advance(7_080_000);
  expect(await tokens.get(APPID, 'access_token')).toBe(first);

  wechat.outage(false);
  await clock.advance(120_000);
  expect(wechat.isValid(await tokens.get(APPID, 'access_token'))).toBe(true);
});
// #endregion
