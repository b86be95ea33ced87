import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileStore, TokenManager } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'the-secret-of-the-app';
const MERCHANT = 'wx00000000000merch';
const USER = 'openid-1';
const COMPONENT_PATH = '/cgi-bin/component/api_component_token';
const AUTHORIZER_PATH = '/cgi-bin/component/api_authorizer_token';
/** The error of the estimated store clock: the time that a busy disk takes to answer. */
const CLOCK_ERROR_MS = 100;
const TICKET_PATH = '/cgi-bin/ticket/getticket';

let wechat: FakeWeChat;
let directory: string;
const open: TokenManager[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((tokens) => tokens.close()));
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Parameters<typeof FakeWeChat.start>[0] = {}): Promise<void> {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } }, ...options });
}

function manager(): TokenManager {
  const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [wechat.origin] } });
  open.push(tokens);
  return tokens;
}

function pushTicket(tokens: TokenManager): Promise<unknown> {
  const value = wechat.pushVerifyTicket(APPID);
  return tokens.put(APPID, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
}

/** Returns the manager of a platform with a merchant, both of which have a token. */
async function platform(): Promise<TokenManager> {
  const tokens = manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  await pushTicket(tokens);
  const params = { authorizer_refresh_token: wechat.authorizeMerchant(APPID, MERCHANT) };
  await tokens.register({ appid: APPID, tasks: [{ type: 'authorizer_access_token', subject: MERCHANT, params }] });
  await tokens.get(APPID, 'authorizer_access_token', { subject: MERCHANT });
  return tokens;
}

test('every type is kept fresh from register to the tenth refresh, with restarts in between', async () => {
  await start({ lifeSeconds: 2, overlapSeconds: 1, refreshTokens: 'single-use' });
  const user = wechat.authorizeUser(APPID, USER);
  const merchant = wechat.authorizeMerchant(APPID, MERCHANT);
  const kept = [
    { type: 'access_token' },
    { type: 'jsapi_ticket' },
    { type: 'wx_card_ticket' },
    { type: 'oauth2_access_token', subject: USER, params: { refresh_token: user.refresh_token } },
    { type: 'component_access_token' },
    { type: 'authorizer_access_token', subject: MERCHANT, params: { authorizer_refresh_token: merchant } },
    { type: 'jsapi_ticket', subject: MERCHANT },
  ] as const;
  const seen = new Map(kept.map((task) => [JSON.stringify(task), new Set<number>()]));
  for (let life = 0; life < 10; life++) {
    const tokens = manager();
    await tokens.register({ appid: APPID, secret: SECRET, tasks: kept });
    if (life === 0) await pushTicket(tokens);
    const refreshed = kept.map(async (task) => {
      const versions = seen.get(JSON.stringify(task)) as Set<number>;
      const subject = 'subject' in task ? { subject: task.subject } : {};
      while (versions.size <= life) {
        const { value, version, expiresAt } = await tokens.getRecord(APPID, task.type, subject);
        // On a slow machine a token may expire between the answer and this line.
        expect(wechat.isValid(value) || Date.now() >= expiresAt - CLOCK_ERROR_MS, `${task.type} ${value}`).toBe(true);
        versions.add(version);
        if (versions.size <= life) await new Promise<void>((next) => void tokens.once('refreshed', () => next()));
      }
    });
    await Promise.all(refreshed);
    await tokens.close();
  }
  expect(wechat.replays).toBe(0);
  expect(wechat.countCalls(({ errcode }) => errcode !== 0)).toBe(0);
});

test('a ticket whose tokens are stale on two levels replaces each once and is made once more', async () => {
  await start();
  const tokens = await platform();
  const before = wechat.calls.length;
  wechat.revoke(MERCHANT);
  wechat.revoke(APPID);
  const ticket = await tokens.get(APPID, 'jsapi_ticket', { subject: MERCHANT });
  expect(wechat.isValid(ticket)).toBe(true);
  expect(wechat.calls.slice(before).map(({ path, errcode }) => [path, errcode])).toEqual([
    [TICKET_PATH, 40001],
    [AUTHORIZER_PATH, 40001],
    [COMPONENT_PATH, 0],
    [AUTHORIZER_PATH, 0],
    [TICKET_PATH, 0],
  ]);
});

test('a merchant that has authorized again is served with the refresh token from the params', async () => {
  await start();
  const tokens = await platform();
  const params = { authorizer_refresh_token: wechat.authorizeMerchant(APPID, MERCHANT) };
  await tokens.register({ appid: APPID, tasks: [{ type: 'authorizer_access_token', subject: MERCHANT, params }] });
  const before = wechat.calls.length;
  const stale = await tokens.get(APPID, 'authorizer_access_token', { subject: MERCHANT });
  const value = await tokens.refresh(APPID, 'authorizer_access_token', { subject: MERCHANT, stale });
  expect(wechat.isValid(value)).toBe(true);
  expect(wechat.calls.slice(before).map(({ errcode }) => errcode)).toEqual([61023, 0]);
});

test('many merchants of one platform share its token', async () => {
  await start();
  const tokens = manager();
  const merchants = Array.from({ length: 20 }, (_, index) => `wx-merchant-${index}`);
  await tokens.register({
    appid: APPID,
    secret: SECRET,
    tasks: merchants.map((subject) => {
      const params = { authorizer_refresh_token: wechat.authorizeMerchant(APPID, subject) };
      return { type: 'authorizer_access_token', subject, params };
    }),
  });
  await pushTicket(tokens);
  const values = await Promise.all(
    merchants.map((subject) => tokens.get(APPID, 'authorizer_access_token', { subject })),
  );
  expect(new Set(values).size).toBe(20);
  expect([wechat.countCalls(COMPONENT_PATH), wechat.countCalls(AUTHORIZER_PATH)]).toEqual([1, 20]);
});

test.each([
  ['without the token', { empty: 'access_token' }],
  ['for another user', { change: { openid: 'openid-2' } }],
  ['with a refresh token that is a number', { change: { refresh_token: 7 } }],
  ['with an odd lifetime', { expires_in: -1 }],
] as const)('an answer %s is refused and leaves what is stored', async (_, fault) => {
  await start();
  const tokens = manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  const { access_token, refresh_token } = wechat.authorizeUser(APPID, USER);
  const grant = { value: String(access_token), expiresInSeconds: 7_200, refreshToken: refresh_token };
  await tokens.put(APPID, 'oauth2_access_token', grant, { subject: USER });
  wechat.fail('*', fault, { times: 1 });
  await expect(tokens.refresh(APPID, 'oauth2_access_token', { subject: USER, force: true })).rejects.toMatchObject({
    code: 'UPSTREAM_REJECTED',
    type: 'oauth2_access_token',
    subject: USER,
  });
  expect(await tokens.get(APPID, 'oauth2_access_token', { subject: USER })).toBe(access_token);
  expect(wechat.isValid(refresh_token)).toBe(true);
});

test('an answer with an empty refresh token leaves the stored one', async () => {
  await start();
  const tokens = manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  const { refresh_token } = wechat.authorizeUser(APPID, USER);
  const grant = { value: 'first', expiresInSeconds: 7_200, refreshToken: refresh_token };
  await tokens.put(APPID, 'oauth2_access_token', grant, { subject: USER });
  wechat.fail('*', { empty: 'refresh_token' }, { times: 1 });
  const value = await tokens.refresh(APPID, 'oauth2_access_token', { subject: USER, stale: 'first' });
  expect(wechat.isValid(value)).toBe(true);
  wechat.expire(value);
  await tokens.refresh(APPID, 'oauth2_access_token', { subject: USER, stale: value }).catch(() => {});
  expect(wechat.countCalls(({ errcode }) => errcode === 0)).toBe(1);
});

test('a user who has revoked the authorization is reported once, and causes no further call to WeChat', async () => {
  await start();
  const tokens = manager();
  const reported: string[] = [];
  tokens.on('reauthorizationRequired', ({ subject, error }) => void reported.push(`${subject} ${error.errcode}`));
  const { refresh_token } = wechat.authorizeUser(APPID, USER);
  await tokens.register({
    appid: APPID,
    secret: SECRET,
    tasks: [{ type: 'oauth2_access_token', subject: USER, params: { refresh_token } }],
  });
  wechat.withdrawAuthorization(APPID, USER);
  for (let call = 0; call < 3; call++) {
    await expect(tokens.get(APPID, 'oauth2_access_token', { subject: USER })).rejects.toMatchObject({
      code: 'REAUTHORIZATION_REQUIRED',
      errcode: 42007,
    });
  }
  expect(reported).toEqual([`${USER} 42007`]);
  expect(wechat.countCalls()).toBe(1);
});
