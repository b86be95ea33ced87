// Uses up all file descriptors of this process during its first request to WeChat, gives them back, and prints what callers got.
import { closeSync, openSync } from 'node:fs';
import { createFetch, TokenManager } from 'wechat-token-manager';
import { FakeWeChat } from 'wechat-token-manager/testing';

const APPID = 'wx0123456789abcdef';

/** @type {unknown[]} */
const told = [];
const wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: 'secret' } } });
const tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
const call = createFetch(tokens, APPID);
await tokens.register({ appid: APPID });
await tokens.put(APPID, 'access_token', { value: 'token', expiresInSeconds: 7200 });
await tokens.register({ appid: APPID, secret: 'secret' });

const files = [];
try {
  for (;;) files.push(openSync('/dev/null', 'r'));
} catch (error) {
  told.push(/** @type {NodeJS.ErrnoException} */ (error).code);
}
const meanwhile = await tokens.get(APPID, 'jsapi_ticket', { timeoutMs: 1_000 }).catch((error) => error);
const fetched = await call('/cgi-bin/getcallbackip').catch((error) => error);
for (const file of files) closeSync(file);
told.push(meanwhile.code, meanwhile.hostOnly, fetched.name, fetched.cause?.code);

await tokens.refresh(APPID, 'access_token', { stale: 'token' });
told.push(wechat.isValid(await tokens.get(APPID, 'jsapi_ticket')));
await wechat.close();
const failed = await call('/cgi-bin/getcallbackip').catch((error) => error);
told.push(failed.name, failed.cause?.code);
await tokens.close();
process.stdout.write(told.join(' '));
