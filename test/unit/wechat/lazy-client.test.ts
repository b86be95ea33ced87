import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';
import { lazyClientOf } from '../../support/worlds/wechat-client.js';

const REQUEST = {
  method: 'GET',
  path: '/cgi-bin/token',
  query: { grant_type: 'client_credential', appid: 'wx1', secret: 'secret' },
} as const;
const clock = new FakeClock();
const how = { signal: new AbortController().signal, withToken: false };

let wechat: FakeWeChat;

beforeEach(async () => {
  wechat = await FakeWeChat.start({ clock });
});

afterEach(() => wechat.close());

test('a client is loaded once, with the first request, and rejects requests once closed', async () => {
  const client = lazyClientOf({ origins: [wechat.origin], clock });
  const answers = await Promise.all([client.request(REQUEST, how), client.request(REQUEST, how)]);
  expect(answers.map(({ expires_in }) => expires_in)).toEqual([7200, 7200]);
  await client.close();
  await expect(client.request(REQUEST, how)).rejects.toMatchObject({ code: 'CLOSED' });
  expect(wechat.countCalls()).toBe(2);
});

test('a client that was never used is closed without being loaded', async () => {
  const client = lazyClientOf({ origins: [wechat.origin], clock });
  await client.close();
  await expect(client.request(REQUEST, how)).rejects.toMatchObject({ code: 'CLOSED' });
});
