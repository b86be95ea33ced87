/* Jest and vitest both define `test` and `expect`; with most of their pools, this file runs in a realm of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore, MemoryStore, TokenManager } from 'wechat-token-manager';
import { FakeWeChat, testTokenStore } from 'wechat-token-manager/testing';

const APPID = 'wx0123456789abcdef';
const SECRET = 'secret-of-the-test';
const TASKS = ['access_token', 'jsapi_ticket'];

/** Gives a test a directory and a WeChat, and closes what it has opened. */
async function inWorld(body) {
  const directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
  const wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  try {
    await body({ directory, wechat });
  } finally {
    await wechat.close();
    await rm(directory, { recursive: true });
  }
}

test('the quick start keeps its tokens in files, and reads them after a restart', () =>
  inWorld(async ({ directory, wechat }) => {
    const store = () => new FileStore(join(directory, 'wechat-tokens'));
    const tokens = new TokenManager({ store: store(), wechat: { origins: [wechat.origin] } });
    await tokens.register({ appid: APPID, secret: SECRET, tasks: TASKS });
    const token = await tokens.get(APPID, 'access_token');
    expect(wechat.isValid(token)).toBe(true);
    expect(typeof (await tokens.get(APPID, 'jsapi_ticket'))).toBe('string');
    await tokens.close();

    const restarted = new TokenManager({ store: store(), wechat: { origins: [wechat.origin] } });
    expect(await restarted.get(APPID, 'access_token')).toBe(token);
    await restarted.close();
  }));

/** Returns what HTTP clients make of a response, the errors that some throw included. */
const CLIENTS = [
  ['a Response', (response) => response],
  ['parsed JSON', (response) => response.json()],
  ['text', (response) => response.text()],
  ['a Buffer', async (response) => Buffer.from(await response.arrayBuffer())],
  ['an ArrayBuffer', (response) => response.arrayBuffer()],
  [
    'a thrown error',
    async (response) => {
      const data = await response.json();
      if (data.errcode > 0) throw Object.assign(new Error('refused'), { response: { data } });
    },
  ],
];

test.each(CLIENTS)('a call that was answered with 40001 in %s is made once more', (_, read) =>
  inWorld(async ({ wechat }) => {
    const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
    await tokens.register({ appid: APPID, secret: SECRET, tasks: TASKS });
    await tokens.get(APPID, 'access_token');
    wechat.revoke(APPID);
    const sent = [];
    await tokens.call(APPID, 'access_token', async (token) => {
      sent.push(token);
      return read(await fetch(`${wechat.origin}/cgi-bin/getcallbackip?access_token=${token}`));
    });
    expect(sent.map((token) => wechat.isValid(token))).toEqual([false, true]);
    await tokens.close();
  }),
);

test('a connection that is refused is told by its code', async () => {
  const tokens = new TokenManager({ wechat: { origins: ['http://127.0.0.1:1'] } });
  await tokens.register({ appid: APPID, secret: SECRET });
  const failure = await tokens.get(APPID, 'access_token').catch((error) => error);
  expect(failure).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', hostOnly: true });
  expect(failure.message).toContain('ECONNREFUSED');
  await tokens.close();
});

testTokenStore(test, () => Promise.resolve(new MemoryStore()));
