import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TokenManager } from 'wechat-token-manager';
import type { PushReceiver } from 'wechat-token-manager/platform';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { addAuthorizationPages } from '../../examples/authorization-page.js';
import { addReturnPage } from '../../examples/authorization-return.js';
import { forwardPushes } from '../../examples/forward-pushes.js';
import { receiveEvents } from '../../examples/platform-events.js';
import { createApp } from '../../examples/platform-express.js';
import { receiveMessages } from '../../examples/push-messages.js';
import { createReplier } from '../../examples/receive-forwarded.js';
import { MessageKeys } from '../../src/platform/envelope/message-keys.js';
import { readEnvelope } from '../../src/platform/envelope/read-envelope.js';
import type { XmlContent } from '../../src/platform/xml/write-xml.js';
import { encryptedPush } from '../support/encrypted-push.js';

const APP = { appid: 'wx0123456789abcdef', token: 'CANARYtoken', key: 'CANARYkey'.padEnd(43, 'k') };
const SECRET = 'canary-secret';

let wechat: FakeWeChat;
let tokens: TokenManager;
const servers: Server[] = [];

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APP.appid]: { secret: SECRET } } });
  tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
  const { appid, token, key: encodingAesKey } = APP;
  await tokens.register({ appid, secret: SECRET, push: { token, encodingAesKey } });
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await tokens.close();
  await wechat.close();
});

function ofPlatform(infoType: string): Record<string, XmlContent> {
  return { AppId: APP.appid, CreateTime: Math.floor(Date.now() / 1_000), InfoType: infoType };
}

async function pushed(receiver: PushReceiver, fields: Record<string, XmlContent>): Promise<string> {
  const { query, body } = encryptedPush(APP, fields);
  const answer = await receiver.receive({ method: 'POST', appid: APP.appid, query, body: Buffer.from(body) });
  expect(answer.status).toBe(200);
  return answer.body;
}

test('platform-express receives pushes below its prefix, and leaves other paths to the app', async () => {
  const server = createServer(createApp(tokens)).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ticket = {
    ...ofPlatform('component_verify_ticket'),
    ComponentVerifyTicket: wechat.pushVerifyTicket(APP.appid),
  };
  const { query, body } = encryptedPush(APP, ticket);
  const answer = await fetch(`${origin}/wechat/push/${APP.appid}?${query}`, { method: 'POST', body });
  expect(await answer.text()).toBe('success');
  expect(wechat.isValid(await tokens.get(APP.appid, 'component_access_token'))).toBe(true);
  expect(await (await fetch(origin)).text()).toBe('hello');
});

test('platform-events notes fast registrations that have failed', async () => {
  const failed: [string, number][] = [];
  const receiver = receiveEvents(tokens, async (_id, company, status) => void failed.push([company, status]));
  const info = [['name', 'A company']] as const;
  await pushed(receiver, { ...ofPlatform('notify_third_fasteregister'), status: 100_001, info });
  await pushed(receiver, ofPlatform('notify_3rd_wxa_auth'));
  expect(failed).toEqual([['A company', 100_001]]);
});

test('push-messages greets new users, and queues each question by an id that a repetition shares', async () => {
  const asked = new Map<string, string>();
  const receiver = receiveMessages(tokens, { add: async ({ id, text }) => void asked.set(id, text) });
  const message = { ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: Math.floor(Date.now() / 1_000) };
  const decrypted = (body: string): string => {
    const { encrypt } = readEnvelope(Buffer.from(body));
    return new MessageKeys(APP.key, 'key').decrypt(encrypt, APP.appid).message.toString();
  };
  const greeting = await pushed(receiver, { ...message, MsgType: 'event', Event: 'subscribe' });
  expect(decrypted(greeting)).toContain('<![CDATA[Welcome!');
  for (const MsgId of [1, 1, 2]) {
    const reply = await pushed(receiver, { ...message, MsgType: 'text', Content: `question ${MsgId}`, MsgId });
    expect(decrypted(reply)).toContain('<![CDATA[One moment, please.]]>');
  }
  expect([...asked.values()]).toEqual(['question 1', 'question 2']);
  expect(await pushed(receiver, { ...message, MsgType: 'image', MsgId: 3 })).toBe('success');
});

test('forward-pushes leaves what its rules do not name to the receiver', async () => {
  const receiver = forwardPushes(tokens, `whsec_${Buffer.alloc(32, 's').toString('base64')}`);
  const head = { ToUserName: 'gh_1', FromUserName: 'o1', CreateTime: Math.floor(Date.now() / 1_000) };
  expect(await pushed(receiver, { ...head, MsgType: 'image', MsgId: 3 })).toBe('success');
});

test('receive-forwarded replies to nothing that is not signed', async () => {
  const asked: unknown[] = [];
  const secret = `whsec_${Buffer.alloc(32, 's').toString('base64')}`;
  const server = createReplier(secret, async (push) => void asked.push(push)).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{"id":"1"}' });
  expect([answer.status, asked]).toEqual([401, []]);
});

test('authorization-page gives each visitor a link of its own, and lets WeChat send the visitor back', async () => {
  const value = wechat.pushVerifyTicket(APP.appid);
  await tokens.put(APP.appid, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
  const app = express();
  addAuthorizationPages(app, tokens, APP.appid, 'https://platform.example.com');
  const server = app.listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const links = await Promise.all([visit(), visit()]);
  expect(links[0]?.searchParams.get('redirect_uri')).toBe('https://platform.example.com/authorized');
  expect(new Set(links.map((link) => link.searchParams.get('pre_auth_code'))).size).toBe(2);
  expect((await fetch(`${origin}/authorized?auth_code=code&expires_in=600`)).status).toBe(200);

  async function visit(): Promise<URL> {
    const response = await fetch(`${origin}/authorize`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const [, href = ''] = /href="([^"]+)"/.exec(await response.text()) ?? [];
    return new URL(href.replaceAll('&amp;', '&'));
  }
});

test('authorization-return connects the account of the code with the user who was given the state', async () => {
  const value = wechat.pushVerifyTicket(APP.appid);
  await tokens.put(APP.appid, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
  const connected: string[] = [];
  const app = express();
  addReturnPage(app, tokens, APP.appid, {
    hasState: ({ query }) => query['state'] === 'mine',
    connect: async (_request, appid) => void connected.push(appid),
  });
  const server = app.listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}/authorized`;
  const code = wechat.createAuthorizationCode(APP.appid, 'wxmerchant0000000');
  expect((await fetch(`${page}?auth_code=${code}&state=another`)).status).toBe(400);
  const answer = await fetch(`${page}?auth_code=${code}&state=mine`, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/accounts']);
  expect(connected).toEqual(['wxmerchant0000000']);
});
