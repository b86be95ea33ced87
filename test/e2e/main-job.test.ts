import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileStore, TokenManager } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'the-secret-of-the-app';

let wechat: FakeWeChat;
let directory: string;
const open: TokenManager[] = [];

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((tokens) => tokens.close()));
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

function manager(): TokenManager {
  const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [wechat.origin] } });
  open.push(tokens);
  return tokens;
}

test('a registered app gets tokens and tickets that WeChat accepts', async () => {
  const tokens = manager();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token', 'jsapi_ticket', 'wx_card_ticket'] });
  const [token, jsapi, card] = await Promise.all([
    tokens.get(APPID, 'access_token'),
    tokens.get(APPID, 'jsapi_ticket'),
    tokens.get(APPID, 'wx_card_ticket'),
  ]);
  expect(wechat.isValid(token)).toBe(true);
  expect(new Set([token, jsapi, card]).size).toBe(3);
  expect(wechat.countCalls()).toBe(3);
  expect(tokens.peek(APPID, 'access_token')?.value).toBe(token);
});

test('a restart resumes every task without an upstream call while tokens are fresh', async () => {
  const first = manager();
  await first.register({ appid: APPID, secret: SECRET, tasks: ['access_token', 'jsapi_ticket'] });
  const token = await first.get(APPID, 'access_token');
  await first.get(APPID, 'jsapi_ticket');
  await first.close();
  const calls = wechat.countCalls();

  const second = manager();
  await second.start();
  expect(second.hasTask(APPID, 'jsapi_ticket')).toBe(true);
  expect(await second.get(APPID, 'access_token')).toBe(token);
  expect(wechat.countCalls()).toBe(calls);
});

test('a token that was invalidated elsewhere is replaced once for fifty concurrent calls', async () => {
  const tokens = manager();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  const dead = await tokens.get(APPID, 'access_token');
  wechat.revoke(APPID);
  const before = wechat.countCalls((call) => call.forced);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      tokens.call(APPID, 'access_token', async (token) => {
        const response = await fetch(`${wechat.origin}/cgi-bin/getcallbackip?access_token=${token}`);
        return response.json();
      }),
    ),
  );
  expect(answers.every((answer) => Array.isArray((answer as { ip_list?: unknown }).ip_list))).toBe(true);
  expect(await tokens.get(APPID, 'access_token')).not.toBe(dead);
  expect(wechat.countCalls((call) => call.forced) - before).toBe(1);
});
