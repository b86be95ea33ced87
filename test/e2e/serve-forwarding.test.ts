import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createReplier } from '../../examples/receive-forwarded.js';
import { appSecretOf } from '../../src/http/index.js';
import type { ForwardedPush } from '../../src/push-server/index.js';
import { FakeWeChat } from '../../src/testing/index.js';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx00000000000000a1';
const PUSH = { token: 'CANARY-token-of-pushes', encodingAesKey: 'CANARYkey'.padEnd(43, 'k') };
const NOTIFY_SECRET = `whsec_${Buffer.from('CANARY-webhook-secret-CANARY').toString('base64')}`;
const MESSAGE = { ToUserName: 'gh_1', FromUserName: 'o1', MsgType: 'text', Content: 'Hello' };

let wechat: FakeWeChat;
let world: ServeWorld;
let server: ServeProcess;
let bot: Server;
let hanging: Server;
const seen: ForwardedPush[] = [];

beforeEach(async () => {
  seen.length = 0;
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: 'CANARY-secret' } } });
  world = await ServeWorld.create();
  const secret = `whsec_${appSecretOf(NOTIFY_SECRET, APPID).toString('base64')}`;
  bot = createReplier(secret, async (push) => {
    seen.push(push);
    return { MsgType: 'text', Content: `You said ${String(push.content['Content'])}` };
  }).listen(0, '127.0.0.1');
  hanging = createServer(() => {}).listen(0, '127.0.0.1');
  await Promise.all([bot, hanging].map((target) => once(target, 'listening')));
  await writeFile(world.path('secret'), `${NOTIFY_SECRET}\n`);
  await writeRules([
    { event: 'CLICK', url: urlOf(hanging) },
    { msgType: 'text', url: urlOf(bot) },
  ]);
  const files = ['--forward-file', world.path('forward.json'), '--notify-secret-file', world.path('secret')];
  server = await world.start(['--wechat-origin', wechat.origin, ...files]);
  const body = JSON.stringify({ secret: 'CANARY-secret', push: PUSH });
  await fetch(`${server.url}/apps/${APPID}`, { method: 'PUT', body });
  wechat.setPush(APPID, { url: `${server.url}/push/${APPID}`, ...PUSH });
});

afterEach(async () => {
  for (const target of [bot, hanging]) {
    target.closeAllConnections();
    target.close();
  }
  await world[Symbol.asyncDispose]();
  await wechat.close();
  expect(server.lines.join('\n') + server.errors).not.toContain('CANARY');
});

const urlOf = (target: Server): string => `http://127.0.0.1:${(target.address() as AddressInfo).port}/?key=CANARY`;
const writeRules = (rules: readonly object[]): Promise<void> =>
  writeFile(world.path('forward.json'), JSON.stringify({ rules }));

test('a message is forwarded by the rules of a file, and the user gets the reply of its target', async () => {
  const answer = await wechat.push(APPID, MESSAGE);
  expect(answer.reply).toMatchObject({ ToUserName: 'o1', MsgType: 'text', Content: 'You said Hello' });
  expect((await answer.repeat()).reply).toMatchObject({ Content: 'You said Hello' });
  expect(seen).toEqual([expect.objectContaining({ appid: APPID, msgType: 'text', id: expect.any(String) })]);
  expect(await server.stop()).toBe(0);
});

test('a target that hangs or is gone costs the reply, and is logged, while other targets reply', async () => {
  const click = wechat.push(APPID, { ...MESSAGE, MsgType: 'event', Event: 'CLICK', EventKey: 'menu' });
  expect((await wechat.push(APPID, MESSAGE)).reply).toBeDefined();
  expect((await click).body).toBe('success');
  const { error } = await server.seen('serverError');
  expect(error).toMatch(/^rule 1 of forward could not forward a push of \w+ to 127\.0\.0\.1:\d+, .*in time$/);
  bot.closeAllConnections();
  await new Promise((resolve) => bot.close(resolve));
  expect((await wechat.push(APPID, { ...MESSAGE, Content: 'again' })).body).toBe('success');
  expect((await server.seen('serverError', 2)).error).toMatch(/^rule 2 of forward .* failed \(.*ECONNREFUSED/);
});

test('changed rules count after a reload, and rules that cannot be used leave the present ones', async () => {
  await writeRules([{ msgType: 'text', url: 'http://169.254.169.254/CANARY' }]);
  server.signal('SIGHUP');
  expect(JSON.stringify(await server.seen('reloadFailed'))).toContain('--forward-file: url of rule 1');
  expect((await wechat.push(APPID, MESSAGE)).reply).toBeDefined();
  await writeRules([{ msgType: 'image', url: urlOf(bot) }]);
  server.signal('SIGHUP');
  await server.seen('reloaded');
  expect((await wechat.push(APPID, { ...MESSAGE, Content: 'again' })).body).toBe('success');
  expect(seen).toHaveLength(1);
});
