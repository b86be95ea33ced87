// Uses up all file descriptors of this process during its first request to WeChat, gives them back, and prints what callers got.
import { closeSync, openSync } from 'node:fs';
import { createFetch, TokenManager } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';

const APPID = 'wx0123456789abcdef';

const wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: 'secret' } } });
const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
const call = createFetch(tokens, APPID);
await tokens.register({ appid: APPID, secret: 'secret' });
await tokens.put(APPID, 'access_token', { value: 'token', expiresInSeconds: 7200 });

/** @param {Promise<unknown>} work */
const failureOf = (work) => work.then(undefined, (error) => error);

/** @type {number[]} */
const files = [];
const openAll = () => {
  for (;;) files.push(openSync('/dev/null', 'r'));
};
const { code: reason } = await failureOf(Promise.resolve().then(openAll));
const asked = await failureOf(tokens.get(APPID, 'jsapi_ticket', { timeoutMs: 1_000 }));
const called = await failureOf(call('/cgi-bin/getcallbackip'));
for (const file of files) closeSync(file);

await tokens.refresh(APPID, 'access_token', { stale: 'token' });
const isValid = wechat.isValid(await tokens.get(APPID, 'jsapi_ticket'));
await wechat.close();
const calledLater = await failureOf(call('/cgi-bin/getcallbackip'));
await tokens.close();

process.stdout.write(
  JSON.stringify({
    reason,
    asked: asked.code,
    called: [called.name, called.cause?.code],
    isValid,
    calledLater: [calledLater.name, calledLater.cause?.code],
  }),
);
