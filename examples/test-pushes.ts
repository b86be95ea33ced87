// #region test-pushes
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { createMessageService } from './message-service.js';

const APPID = 'wx0123456789abcdef';

test('the service answers a ping once it has checked where it comes from', async () => {
  const service = createMessageService('token-of-the-test').listen(0, '127.0.0.1');
  await once(service, 'listening');
  const wechat = await FakeWeChat.start();
  onTestFinished(async () => {
    await wechat.close();
    service.close();
  });
  const { port } = service.address() as AddressInfo;
  wechat.setPush(APPID, { url: `http://127.0.0.1:${port}/`, token: 'token-of-the-test' }); // encrypted with encodingAesKey

  const ping = { MsgType: 'text', Content: 'ping' };
  const answer = await wechat.push(APPID, ping);
  expect(answer.reply).toMatchObject({ MsgType: 'text', Content: 'pong' });
  expect(await answer.repeat()).toMatchObject({ status: 200, isAccepted: true }); // the same request again

  const forged = await wechat.push(APPID, ping, { fault: 'wrong-signature' });
  expect(forged.status).toBe(401);
});
// #endregion
