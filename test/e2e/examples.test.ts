import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { jsSdkSignature, TokenManager } from 'wechat-token-manager';
import { appSecretOf } from 'wechat-token-manager/http';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { callbackIps } from '../../examples/call-with-replay.js';
import { weComRefresher } from '../../examples/custom-refresher.js';
import { createTokens } from '../../examples/encrypted-store.js';
import { replyWithToken } from '../../examples/error-handling.js';
import { ailingTasks, watchTokens } from '../../examples/events-and-metrics.js';
import { replaceLeaked, replaceStale } from '../../examples/force-refresh.js';
import { startTokens, tokenAndEnd } from '../../examples/getting-started.js';
import { closeOnSignal } from '../../examples/graceful-shutdown.js';
import { createPageServer } from '../../examples/js-sdk-page.js';
import * as migration from '../../examples/migrate-co-wechat-api.js';
import { logIn, userToken } from '../../examples/oauth2-user.js';
import { createManager } from '../../examples/proxy-and-origins.js';
import { createReceiver } from '../../examples/receive-notify.js';
import { companyTokens } from '../../examples/replace-refresher.js';
import { notifyOfTokens } from '../../examples/send-notify.js';
import { createTokenServer } from '../../examples/token-server.js';
import { sparePort } from '../support/servers/server-controls.js';

// These examples contain tests of their own.
import '../../examples/test-custom-store.js';
import '../../examples/test-pushes.js';
import '../../examples/test-with-fake.js';
import '../../examples/test-with-put.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'canary-secret';
const SITE = 'https://www.example.com';

const where = vi.hoisted(() => ({ origin: '' }));

/** The examples talk to WeChat; here every manager that they create talks to the fake. */
vi.mock('wechat-token-manager', async (importOriginal) => {
  const original = await importOriginal<typeof import('wechat-token-manager')>();
  class TokenManagerOfTheFake<Custom extends string = never> extends original.TokenManager<Custom> {
    constructor(options: import('wechat-token-manager').TokenManagerOptions<Custom> = {}) {
      super(where.origin === '' ? options : { ...options, wechat: { ...options.wechat, origins: [where.origin] } });
    }
  }
  return { ...original, TokenManager: TokenManagerOfTheFake };
});

describe('the examples', () => {
  let wechat: FakeWeChat;
  let directory: string;
  let tokens: TokenManager;
  const servers: Server[] = [];

  beforeEach(async () => {
    wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
    where.origin = wechat.origin;
    directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
    tokens = new TokenManager();
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  });

  afterEach(async () => {
    vi.resetModules();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    for (const server of servers.splice(0)) server.close();
    await tokens.close();
    await wechat.close();
    where.origin = '';
    await rm(directory, { recursive: true, force: true });
  });

  async function bodyOf(server: Server, path: string): Promise<string> {
    servers.push(server);
    if (!server.listening) await once(server.listen(0), 'listening');
    const { port } = server.address() as AddressInfo;
    return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  }

  test('pm2-cluster shares one token among its workers', async () => {
    const listeners = process.listeners('SIGINT');
    const ports = [await sparePort(), await sparePort()];
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
    vi.stubEnv('STORE_DIRECTORY', directory).stubEnv('WECHAT_APPID', APPID).stubEnv('WECHAT_SECRET', SECRET);
    await tokens.get(APPID, 'access_token');
    const calls = wechat.countCalls();
    for (const port of ports) {
      vi.resetModules();
      vi.stubEnv('PORT', String(port));
      await import('../../examples/pm2-cluster/server.js');
    }
    const ask = (port: number): Promise<string> =>
      fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
        .then((response) => response.text())
        .catch(() => 'closed');
    for (const port of ports) await expect.poll(() => ask(port)).toMatch(/^a token of \d+ characters/);
    expect(wechat.countCalls() - calls).toBe(1);
    for (const listener of process.listeners('SIGINT').filter((added) => !listeners.includes(added))) {
      process.removeListener('SIGINT', listener);
      (listener as () => void)();
    }
    await expect.poll(() => exit.mock.calls).toEqual([[], []]);
    for (const port of ports) expect(await ask(port)).toBe('closed');
  });

  test('pm2-cluster ends a worker that cannot start, so that it is started again', async () => {
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
    const log = vi.spyOn(console, 'error').mockReturnValue();
    vi.stubEnv('STORE_DIRECTORY', directory).stubEnv('WECHAT_APPID', '');
    await import('../../examples/pm2-cluster/server.js');
    await expect.poll(() => exit.mock.calls).toEqual([[1]]);
    expect(log).toHaveBeenCalledWith(expect.any(TypeError));
  });

  test('js-sdk-page serves a page that is signed for its own address', async () => {
    const html = await bodyOf(createPageServer(tokens, APPID, SITE), '/scan?id=1');
    const config = JSON.parse(/wx\.config\((.*)\);/.exec(html)?.[1] ?? '{}');
    const ticket = await tokens.get(APPID, 'jsapi_ticket');
    const { nonceStr, timestamp } = config;
    expect(config).toEqual({
      appId: APPID,
      timestamp,
      nonceStr,
      signature: jsSdkSignature({ ticket, nonceStr, timestamp, url: `${SITE}/scan?id=1` }),
      jsApiList: ['scanQRCode'],
    });
  });

  test('call-with-replay survives a token that was revoked', async () => {
    await tokens.get(APPID, 'access_token');
    wechat.revoke(APPID);
    expect(await callbackIps(tokens, APPID, wechat.origin)).toEqual({ ip_list: ['127.0.0.1'] });
  });

  test('force-refresh replaces the token that was rejected, and a leaked one', async () => {
    const first = await tokens.get(APPID, 'access_token');
    wechat.revoke(APPID);
    const second = await replaceStale(tokens, APPID, first);
    expect(wechat.isValid(second)).toBe(true);
    expect(await replaceStale(tokens, APPID, first)).toBe(second);
    await expect(replaceLeaked(tokens, APPID)).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
  });

  test('migrate-co-wechat-api replays a call of the real package and provides it with tickets', async () => {
    const api = migration.createApi(tokens, APPID);
    api.prefix = `${wechat.origin}/cgi-bin/`;
    expect(await api.getIp()).toEqual({ ip_list: ['127.0.0.1'] });
    wechat.revoke(APPID);
    await expect(api.getIp()).rejects.toMatchObject({ code: 40001 });
    expect(await migration.callbackIps(tokens, api, APPID)).toEqual({ ip_list: ['127.0.0.1'] });
    expect((await api.getLatestTicket()).ticket).toBe(await tokens.get(APPID, 'jsapi_ticket'));
    expect(wechat.countCalls('/cgi-bin/token')).toBe(0);
  });

  test('custom-refresher reads the answers of WeCom', async () => {
    let answer: object = { errcode: 0, errmsg: 'ok', access_token: 'of-the-corporation', expires_in: 7200 };
    const asked: (string | undefined)[] = [];
    const weCom = createServer((request, response) => {
      asked.push(request.url);
      response.end(JSON.stringify(answer));
    });
    servers.push(weCom);
    await once(weCom.listen(0), 'listening');
    const origin = `http://127.0.0.1:${(weCom.address() as AddressInfo).port}`;
    await using custom = new TokenManager({ refreshers: [weComRefresher(origin)] });
    await custom.register({ appid: 'ww1.1000002', secret: SECRET });
    expect(await custom.get('ww1.1000002', 'wecom_access_token')).toBe('of-the-corporation');
    expect(asked).toEqual([`/cgi-bin/gettoken?corpid=ww1&corpsecret=${SECRET}`]);

    answer = { errcode: 40001, errmsg: 'invalid credential' };
    await custom.register({ appid: 'ww1.1000003', secret: SECRET });
    const refused = custom.get('ww1.1000003', 'wecom_access_token');
    await expect(refused).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED', errcode: 40001, retryable: false });
  });

  test('use-custom-refresher knows the name of the added type', async () => {
    const { weComToken } = await import('../../examples/use-custom-refresher.js');
    await expect(weComToken('ww1.1000002')).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  });

  test('replace-refresher gets tokens from elsewhere', async () => {
    const company = createServer((request, response) => {
      const isAllowed = request.headers.authorization === 'Bearer key';
      response.writeHead(isAllowed ? 200 : 401).end(JSON.stringify({ token: 'of-the-company', secondsLeft: 600 }));
    });
    servers.push(company);
    await once(company.listen(0), 'listening');
    const url = `http://127.0.0.1:${(company.address() as AddressInfo).port}/token`;
    await using own = new TokenManager({ refreshers: [companyTokens(url, 'key')] });
    await own.register({ appid: APPID });
    expect(await own.get(APPID, 'access_token')).toBe('of-the-company');

    await using refused = new TokenManager({ refreshers: [companyTokens(url, 'other')] });
    await refused.register({ appid: APPID });
    await expect(refused.get(APPID, 'access_token')).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED' });
  });

  test('events-and-metrics counts refreshes and alerts with the address for the whitelist', async () => {
    const counted: string[] = [];
    const alerts: string[] = [];
    const resolved: string[] = [];
    await using watched = new TokenManager();
    watchTokens(watched, {
      count: (name, labels) => counted.push(`${name} ${Object.values(labels).join(' ')}`),
      alert: (message) => alerts.push(message),
      resolve: (name) => resolved.push(name),
    });
    await watched.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    await watched.get(APPID, 'access_token');
    expect(counted).toEqual([`wechat_token_refreshed ${APPID} access_token upstream`]);
    expect(await ailingTasks(watched)).toEqual([]);

    wechat.setApp('wx1', { secret: SECRET, ipWhitelist: ['203.0.113.7'] });
    await watched.register({ appid: 'wx1', secret: SECRET, tasks: ['access_token'] });
    await expect(watched.get('wx1', 'access_token')).rejects.toMatchObject({ errcode: 40164, ip: '127.0.0.1' });
    expect(alerts).toEqual([expect.stringContaining('put 127.0.0.1 on the IP whitelist')]);
    expect(await ailingTasks(watched)).toEqual([expect.stringContaining('wx1 access_token: missing')]);
    expect(resolved).toEqual([]);
    await watched.put('wx1', 'access_token', { value: 'got-elsewhere', expiresInSeconds: 7_200 });
    expect(resolved).toEqual(['wx1 access_token']);
    expect([...counted, ...alerts].join()).not.toContain(SECRET);
  });

  test('error-handling tells temporary failures from those that need a repair', async () => {
    const answer = (token: string): string => `${token.length > 0}`;
    expect(await replyWithToken(tokens, APPID, answer)).toEqual({ status: 200, text: 'true' });
    expect(await replyWithToken(tokens, 'wx1', answer)).toMatchObject({ status: 500 });
    wechat.fail('/cgi-bin/stable_token', { errcode: 45009 });
    wechat.setApp('wx2', { secret: SECRET });
    await tokens.register({ appid: 'wx2', secret: SECRET });
    expect(await replyWithToken(tokens, 'wx2', answer)).toMatchObject({ status: 503 });
  });

  test('oauth2-user logs a user in and has a token when the first has expired', async () => {
    const code = wechat.createCode(APPID, 'openid');
    const openid = await logIn(tokens, { appid: APPID, secret: SECRET, code }, wechat.origin);
    const first = await userToken(tokens, APPID, openid);
    wechat.expire(first);
    await tokens.refresh(APPID, 'oauth2_access_token', { subject: openid, stale: first });
    const second = await userToken(tokens, APPID, openid);
    expect([first === second, wechat.isValid(second)]).toEqual([false, true]);
    const again = logIn(tokens, { appid: APPID, secret: SECRET, code }, wechat.origin);
    await expect(again).rejects.toThrow('WeChat refused the login with 40163');
  });

  test('encrypted-store reads with each of its keys', async () => {
    const [older, newer] = ['a1'.repeat(32), 'b2'.repeat(32)];
    const before = createTokens(directory, older);
    await before.register({ appid: APPID, secret: SECRET });
    const token = await before.get(APPID, 'access_token');
    await before.close();
    const after = createTokens(directory, `${newer}, ${older}`);
    expect(await after.get(APPID, 'access_token')).toBe(token);
    await after.close();
  });

  test('getting-started keeps two tokens fresh, and says when one expires', async () => {
    await using started = await startTokens(join(directory, 'started'), APPID, SECRET);
    const { token, endsAt } = await tokenAndEnd(started, APPID);
    expect([wechat.isValid(token), endsAt > new Date()]).toEqual([true, true]);
    expect(started.hasTask(APPID, 'jsapi_ticket')).toBe(true);
  });

  test.each([
    ['idle', false],
    ['still busy after 5 s', true],
  ])('graceful-shutdown closes the manager after a server that is %s', async (_state, isBusy) => {
    const listeners = process.listeners('SIGTERM');
    const server = createServer();
    await once(server.listen(0), 'listening');
    const { port } = server.address() as AddressInfo;
    const request = isBusy ? fetch(`http://127.0.0.1:${port}/`).catch(() => 'cut off') : undefined;
    if (isBusy) await once(server, 'request');
    const closed = once(server, 'close');
    closeOnSignal(server, tokens);
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const added = process.listeners(signal).at(-1) as () => void;
      if (signal === 'SIGTERM') {
        expect(listeners).not.toContain(added);
        added();
      }
      process.removeListener(signal, added);
    }
    vi.advanceTimersByTime(4_999);
    if (isBusy) expect(wechat.isValid(await tokens.get(APPID, 'access_token'))).toBe(true);
    vi.advanceTimersByTime(1);
    vi.useRealTimers();
    await closed;
    expect(await request).toBe(isBusy ? 'cut off' : undefined);
    await expect(tokens.get(APPID, 'access_token')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('token-server answers an old client over HTTP', async () => {
    const server = createTokenServer(directory, ['127.0.0.1']);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const body = JSON.stringify({ appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] });
    const registered = await fetch(`${origin}/registe`, { method: 'POST', body });
    expect(await registered.json()).toEqual({ code: 200, message: '', result: 'success' });
    const { result } = (await (await fetch(`${origin}/task/${APPID}/0`)).json()) as { result: string };
    expect(wechat.isValid(result)).toBe(true);
  });

  test('send-notify sends each token; receive-notify accepts it once, and nothing without a signature', async () => {
    const notifySecret = `whsec_${randomBytes(32).toString('base64')}`;
    const received: string[] = [];
    const secret = `whsec_${appSecretOf(notifySecret, APPID).toString('base64')}`;
    const server = createReceiver(secret, (token) => void received.push(token));
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const notify = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const delivered = new Promise((resolve) => tokens.once('delivered', resolve));
    await notifyOfTokens(tokens, APPID, notify, notifySecret);
    await delivered;
    expect(received).toEqual([await tokens.get(APPID, 'access_token')]);
    expect((await fetch(notify, { method: 'POST', body: '{}' })).status).toBe(401);
    expect(received).toHaveLength(1);
  });

  test('proxy-and-origins is accepted', async () => {
    await createManager(directory).close();
  });
});
