import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { TokenManager } from 'wechat-token-manager';
import { createApiKey, createHandler } from 'wechat-token-manager/http';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { cardScript, createCardServer } from '../../examples/card-page.js';
import { fetchThroughProxy } from '../../examples/fetch-through-proxy.js';
import { sendText } from '../../examples/fetch-with-token.js';
import { createCoWechatApi, sendKey } from '../../examples/gateway-co-wechat-api.js';
import { createEasyWechat } from '../../examples/gateway-node-easywechat.js';
import { createWechatApi } from '../../examples/gateway-wechat-api.js';
import { callApi, tokenSources } from '../../examples/migrate-wechat-api.js';
import { mirrorToken } from '../../examples/mirror-token.js';
import { recover } from '../../examples/recover-authorizers.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'canary-secret';
const LOST = 'wxauthorizer0499';

let wechat: FakeWeChat;
let tokens: TokenManager;
const servers: Server[] = [];

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  tokens = new TokenManager({ wechat: { origins: [wechat.origin] } });
  await tokens.register({ appid: APPID, secret: SECRET });
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await tokens.close();
  await wechat.close();
});

test('migrate-wechat-api passes tokens and tickets to callbacks, and repeats a call after a 40001', async () => {
  const { getToken, getTicket } = tokenSources(tokens, APPID);
  const first = await new Promise((resolve) => getToken((_error, token) => resolve(token)));
  expect(first).toEqual({ accessToken: await tokens.get(APPID, 'access_token'), expireTime: expect.any(Number) });
  const ticket = await new Promise((resolve) => getTicket('jsapi', (_error, answer) => resolve(answer)));
  expect(ticket).toMatchObject({ ticket: await tokens.get(APPID, 'jsapi_ticket') });

  wechat.revoke(APPID);
  const answer = await callApi<string>(tokens, APPID, (done) =>
    getToken((_error, { accessToken }) => {
      if (wechat.isValid(accessToken)) done(null, accessToken);
      else done(Object.assign(new Error('invalid credential'), { name: 'WeChatAPIError', code: 40001 }), '');
    }),
  );
  expect(wechat.isValid(answer)).toBe(true);
});

test('migrate-wechat-api passes failures on to the callback', async () => {
  const { getToken } = tokenSources(tokens, 'wx1');
  const failure = await new Promise((resolve) => getToken((error) => resolve(error)));
  expect(failure).toMatchObject({ code: 'NOT_REGISTERED' });
});

test('mirror-token writes each new access token of one app with its expiry', async () => {
  const written: unknown[] = [];
  const set = async (...args: unknown[]): Promise<void> => void written.push(args);
  mirrorToken(tokens, APPID, { set }, 'wx:access_token');
  const { value, expiresAt } = await tokens.getRecord(APPID, 'access_token');
  await tokens.get(APPID, 'jsapi_ticket');
  expect(written).toEqual([['wx:access_token', value, { PXAT: expiresAt }]]);
});

async function pushTicket(): Promise<void> {
  const value = wechat.pushVerifyTicket(APPID);
  await tokens.put(APPID, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
}

test('recover-authorizers restores the authorizers of all pages, and returns those that have to authorize again', async () => {
  await pushTicket();
  const authorizers = Array.from({ length: 501 }, (_, index) => `wxauthorizer${String(index).padStart(4, '0')}`);
  for (const authorizer of authorizers) wechat.authorizeMerchant(APPID, authorizer);
  const lines: string[] = [];
  expect(await recover(tokens, APPID, (line) => lines.push(line))).toEqual([]);
  expect(lines).toEqual(['500 of 501 authorizers', '501 of 501 authorizers', '501 of 501 were restored']);
  for (const subject of [authorizers[0], authorizers[500]] as string[]) {
    expect(tokens.hasTask(APPID, 'authorizer_access_token', { subject })).toBe(true);
    expect(wechat.isValid(await tokens.get(APPID, 'authorizer_access_token', { subject }))).toBe(true);
  }
});

test('recover-authorizers names an account of which WeChat has no refresh token', async () => {
  await pushTicket();
  const list = [{ authorizer_appid: LOST, refresh_token: '', auth_time: 1 }];
  wechat.fail('/cgi-bin/component/api_get_authorizer_list', { answer: { total_count: 1, list } });
  expect(await recover(tokens, APPID, () => {})).toEqual([LOST]);
  expect(tokens.hasTask(APPID, 'authorizer_access_token', { subject: LOST })).toBe(false);
});

test('fetch-with-token sends a text, and again where the token was revoked', async () => {
  const path = '/cgi-bin/message/custom/send';
  wechat.fail(path, { errcode: 40_001 }, { times: 1 });
  wechat.fail(path, { answer: { errcode: 0, errmsg: 'ok' } }, { times: 1 });
  await sendText(tokens, APPID, 'o1', 'hello');
  expect(wechat.countCalls(path)).toBe(2);
  wechat.fail(path, { errcode: 45_015, errmsg: 'response out of time limit' });
  await expect(sendText(tokens, APPID, 'o1', 'hello')).rejects.toThrow(/^WeChat answered 45015: response out of/);
});

test('fetch-through-proxy sends every call through the proxy', async () => {
  const hosts: string[] = [];
  const proxy = createServer();
  proxy.on('connect', ({ url = '' }, socket) => {
    hosts.push(url);
    const upstream = connect(Number(url.split(':')[1]), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => {});
  });
  servers.push(proxy.listen(0, '127.0.0.1'));
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const throughProxy = fetchThroughProxy(tokens, APPID, `http://127.0.0.1:${port}`);
  const response = await throughProxy('/cgi-bin/getcallbackip');
  expect(await response.json()).toEqual({ ip_list: ['127.0.0.1'] });
  expect(hosts).toEqual([new URL(wechat.origin).host]);
});

test('card-page signs a card anew at each request of its page', async () => {
  const server = createCardServer(tokens, APPID, 'pCard');
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sign = async (): Promise<Record<string, string>> =>
    (await (await fetch(`http://127.0.0.1:${port}/card`)).json()) as Record<string, string>;
  const [one, two] = [await sign(), await sign()];
  expect(one).toMatchObject({ cardId: 'pCard', signType: 'SHA1', cardSign: expect.stringMatching(/^[0-9a-f]{40}$/) });
  expect(one['cardExt']).not.toBe(two['cardExt']);
  for (const name of ['cardId', 'cardExt', 'addCard', 'chooseCard']) expect(cardScript).toContain(name);
});

test('the SDKs of the guide to the gateway call WeChat with the token of the manager', async () => {
  const handler = createHandler(tokens, { contracts: ['wechat'], trust: ['127.0.0.1'] });
  const server = createServer(handler.node).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ips = ['127.0.0.1'];
  expect(await createCoWechatApi(origin, APPID, SECRET).getIp()).toMatchObject({ ip_list: ips });
  const api = createWechatApi(origin, APPID, SECRET);
  expect(await new Promise((resolve) => api.getIp((error, answer) => resolve(error ?? answer)))).toMatchObject({
    ip_list: ips,
  });
  const client = createEasyWechat(origin, APPID, SECRET).getClient();
  // node-easywechat keeps its token in a file of the working directory.
  onTestFinished(() => rm(`official_account.access_token.${APPID}.${SECRET}.1.cache`, { force: true }));
  expect((await client.get('/cgi-bin/getcallbackip', { params: {} })).toObject()).toMatchObject({ ip_list: ips });
});

test('co-wechat-api has an app registered with the key that the guide to the gateway makes it send', async () => {
  await tokens.unregister(APPID);
  const { key, entry } = createApiKey({ scopes: ['register'] });
  const handler = createHandler(tokens, { contracts: ['wechat'], keys: [entry], autoRegister: true });
  const server = createServer(handler.node).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const api = createCoWechatApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, APPID, SECRET);
  sendKey(api, key);
  expect(await api.getIp()).toMatchObject({ ip_list: ['127.0.0.1'] });
});
