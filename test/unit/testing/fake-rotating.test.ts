import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock, FakeWeChat, type FakeWeChatOptions } from '../../../src/testing/index.js';

const APPID = 'wx0000000000000001';
const MERCHANT = 'wx0000000000000002';
const SECRET = 'secret';
const HOUR_MS = 3_600_000;

let clock: FakeClock;
let wechat: FakeWeChat;

async function start(options: FakeWeChatOptions = {}): Promise<void> {
  await wechat?.close();
  wechat = await FakeWeChat.start({ clock, ...options });
}

beforeEach(async () => {
  clock = new FakeClock();
  await start();
});

afterEach(() => wechat.close());

async function ask(path: string, query: Record<string, string>, body?: object): Promise<Record<string, unknown>> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${wechat.origin}${path}?${new URLSearchParams(query)}`, init);
  return (await response.json()) as Record<string, unknown>;
}

function refreshUser(refresh_token: string, more: Record<string, string> = {}): Promise<Record<string, unknown>> {
  return ask('/sns/oauth2/refresh_token', { appid: APPID, grant_type: 'refresh_token', refresh_token, ...more });
}

function exchange(code: string, more: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const query = { appid: APPID, secret: SECRET, code, grant_type: 'authorization_code', ...more };
  return ask('/sns/oauth2/access_token', query);
}

function componentToken(component_verify_ticket: unknown, more: object = {}): Promise<Record<string, unknown>> {
  const body = { component_appid: APPID, component_appsecret: SECRET, component_verify_ticket, ...more };
  return ask('/cgi-bin/component/api_component_token', {}, body);
}

async function platformToken(): Promise<string> {
  return String((await componentToken(wechat.pushVerifyTicket(APPID)))['component_access_token']);
}

function authorizerToken(
  token: string,
  authorizer_refresh_token: string,
  more: object = {},
): Promise<Record<string, unknown>> {
  const body = { component_appid: APPID, authorizer_appid: MERCHANT, authorizer_refresh_token, ...more };
  return ask('/cgi-bin/component/api_authorizer_token', { component_access_token: token }, body);
}

describe('a user', () => {
  test('is exchanged for tokens by a code, once', async () => {
    const code = wechat.createCode(APPID, 'openid');
    const answer = await exchange(code);
    expect(answer).toMatchObject({ expires_in: 7200, openid: 'openid', scope: 'snsapi_base' });
    expect(wechat.isValid(String(answer['access_token']))).toBe(true);
    expect(wechat.isValid(String(answer['refresh_token']))).toBe(true);
    expect(await exchange(code)).toMatchObject({ errcode: 40163 });
  });

  test.each([
    [40029, { code: 'unknown' }],
    [41008, { code: '' }],
    [40002, { grant_type: 'x' }],
    [40125, { secret: 'wrong' }],
  ])('%i for an exchange with %j', async (errcode, more) => {
    expect(await exchange(wechat.createCode(APPID, 'openid'), more)).toMatchObject({ errcode });
  });

  test('has the same access token renewed while it lives, and then another', async () => {
    const { access_token, refresh_token } = wechat.authorizeUser(APPID, 'openid');
    await clock.advance(HOUR_MS);
    expect(await refreshUser(refresh_token)).toMatchObject({ access_token, refresh_token, expires_in: 7200 });
    await clock.advance(2 * HOUR_MS);
    expect(wechat.isValid(String(access_token))).toBe(false);
    expect((await refreshUser(refresh_token))['access_token']).not.toBe(access_token);
    expect(wechat.calls.at(-1)).toMatchObject({ appid: APPID, subject: 'openid', tokenType: 'oauth2_access_token' });
  });

  test.each([
    [-1, undefined],
    [0, 42002],
    [1, 42002],
  ])('%i ms after thirty days the refresh token answers %s, however often it was used', async (late, errcode) => {
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    await clock.advance(20 * 24 * HOUR_MS);
    await refreshUser(refresh_token);
    await clock.advance(10 * 24 * HOUR_MS + late);
    expect((await refreshUser(refresh_token))['errcode']).toBe(errcode);
  });

  test.each([
    [40030, { refresh_token: 'unknown' }],
    [41003, { refresh_token: '' }],
    [40002, { grant_type: 'x' }],
    [41002, { appid: '' }],
    [40030, { appid: 'wx9' }],
  ])('%i for a refresh with %j', async (errcode, more) => {
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    expect(await refreshUser(refresh_token, more)).toMatchObject({ errcode });
  });

  test('may take the authorization back', async () => {
    const { access_token, refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.withdrawAuthorization(APPID, 'openid');
    expect(await refreshUser(refresh_token)).toMatchObject({ errcode: 42007 });
    expect(wechat.isValid(String(access_token))).toBe(false);
  });

  test('can be asked after', async () => {
    const { access_token } = wechat.authorizeUser(APPID, 'openid');
    const query = { access_token: String(access_token), openid: 'openid' };
    expect(await ask('/sns/auth', query)).toEqual({ errcode: 0, errmsg: 'ok' });
    expect(await ask('/sns/auth', { ...query, openid: 'other' })).toMatchObject({ errcode: 40003 });
    wechat.expire(String(access_token));
    expect(await ask('/sns/auth', query)).toMatchObject({ errcode: 42001 });
    expect(await ask('/sns/auth', { ...query, access_token: 'unknown' })).toMatchObject({ errcode: 40001 });
  });
});

describe('a platform', () => {
  test('gets another token each time, and the one before lives on for the overlap', async () => {
    const [first, second] = [await platformToken(), await platformToken()];
    expect(first).not.toBe(second);
    expect(wechat.isValid(first)).toBe(true);
    await clock.advance(300_000);
    expect([wechat.isValid(first), wechat.isValid(second)]).toEqual([false, true]);
  });

  test.each([
    [-1, undefined],
    [0, 61005],
    [1, 61005],
  ])('%i ms after twelve hours a ticket answers %s', async (late, errcode) => {
    const ticket = wechat.pushVerifyTicket(APPID);
    await clock.advance(12 * HOUR_MS + late);
    expect((await componentToken(ticket))['errcode']).toBe(errcode);
  });

  test.each([
    [61006, 'unknown', {}],
    [61006, null, {}],
    [41018, 'unknown', { component_appid: '' }],
    [41004, 'unknown', { component_appsecret: '' }],
    [40125, 'unknown', { component_appsecret: 'wrong' }],
  ])('%i for the ticket %j with %j', async (errcode, ticket, more) => {
    expect(await componentToken(ticket, more)).toMatchObject({ errcode });
  });

  test('the ticket of another platform is none', async () => {
    expect(await componentToken(wechat.pushVerifyTicket('wx9'))).toMatchObject({ errcode: 61006 });
  });

  test('an address that is not on its whitelist is refused in the words of platforms', async () => {
    await start({ apps: { [APPID]: { secret: SECRET, ipWhitelist: ['203.0.113.7'] } } });
    expect(await componentToken(wechat.pushVerifyTicket(APPID))).toMatchObject({ errcode: 61004 });
  });
});

describe('a merchant', () => {
  test('has tokens of its own, with which tickets are made', async () => {
    const answer = await authorizerToken(await platformToken(), wechat.authorizeMerchant(APPID, MERCHANT));
    const access_token = String(answer['authorizer_access_token']);
    expect(answer).toMatchObject({ expires_in: 7200, authorizer_refresh_token: expect.any(String) });
    expect(wechat.calls.at(-1)).toMatchObject({
      appid: APPID,
      subject: MERCHANT,
      tokenType: 'authorizer_access_token',
    });
    expect(await ask('/cgi-bin/ticket/getticket', { access_token, type: 'jsapi' })).toMatchObject({ errcode: 0 });
    expect(wechat.calls.at(-1)).toMatchObject({ appid: MERCHANT });
  });

  test('that authorizes again has another refresh token, and what it had is dead', async () => {
    const before = wechat.authorizeMerchant(APPID, MERCHANT);
    const { authorizer_access_token } = await authorizerToken(await platformToken(), before);
    const after = wechat.authorizeMerchant(APPID, MERCHANT);
    expect(wechat.isValid(String(authorizer_access_token))).toBe(false);
    expect(await authorizerToken(await platformToken(), before)).toMatchObject({ errcode: 61023 });
    expect((await authorizerToken(await platformToken(), after))['authorizer_refresh_token']).toBe(after);
  });

  test('that takes the authorization back is 61003', async () => {
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    wechat.withdrawAuthorization(APPID, MERCHANT);
    expect(await authorizerToken(await platformToken(), refreshToken)).toMatchObject({ errcode: 61003 });
  });

  test.each([
    [61023, { authorizer_refresh_token: 'unknown' }],
    [61023, { authorizer_appid: 'wx9' }],
    [40013, { component_appid: 'wx9' }],
  ])('%i for %j', async (errcode, more) => {
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    expect(await authorizerToken(await platformToken(), refreshToken, more)).toMatchObject({ errcode });
  });

  test('a token of the platform that is dead, or none, is told', async () => {
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    const token = await platformToken();
    wechat.expire(token);
    expect(await authorizerToken(token, refreshToken)).toMatchObject({ errcode: 42001 });
    expect(await authorizerToken('unknown', refreshToken)).toMatchObject({ errcode: 40001 });
    expect(await authorizerToken('', refreshToken)).toMatchObject({ errcode: 41021 });
    const plain = await ask('/cgi-bin/token', { grant_type: 'client_credential', appid: APPID, secret: SECRET });
    expect(await authorizerToken(String(plain['access_token']), refreshToken)).toMatchObject({ errcode: 61014 });
  });

  test('the token of a platform is not that of an account', async () => {
    const access_token = await platformToken();
    expect(await ask('/cgi-bin/ticket/getticket', { access_token, type: 'jsapi' })).toMatchObject({ errcode: 40001 });
  });
});

describe('refresh tokens', () => {
  test('single-use: each is good once, and the use of one that was used is counted', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    const next = String((await refreshUser(refresh_token))['refresh_token']);
    expect([wechat.isValid(refresh_token), wechat.isValid(next), wechat.replays]).toEqual([false, true, 0]);
    expect(await refreshUser(refresh_token)).toMatchObject({ errcode: 40030 });
    expect(wechat.replays).toBe(1);
  });

  test.each([
    [-1, undefined],
    [0, 40030],
    [1, 40030],
  ])('grace: %i ms after its end a used one answers %s', async (late, errcode) => {
    await start({ refreshTokens: { graceSeconds: 60 } });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    const next = (await refreshUser(refresh_token))['refresh_token'];
    await clock.advance(60_000 + late);
    const again = await refreshUser(refresh_token);
    expect(again['errcode']).toBe(errcode);
    if (errcode === undefined) expect(again['refresh_token']).toBe(next);
    expect(wechat.isValid(String(next))).toBe(true);
  });

  test('an answer that is lost has used it up', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.fail('/sns/oauth2/refresh_token', 'lost', { times: 1 });
    await expect(refreshUser(refresh_token)).rejects.toThrow();
    expect(wechat.isValid(refresh_token)).toBe(false);
  });

  test('merchants have them too', async () => {
    await start({ refreshTokens: 'single-use' });
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    const token = await platformToken();
    expect((await authorizerToken(token, refreshToken))['authorizer_refresh_token']).not.toBe(refreshToken);
    expect(await authorizerToken(token, refreshToken)).toMatchObject({ errcode: 61023 });
  });

  test('whatever is sent, one of a line is good at any time', async () => {
    await start({ refreshTokens: 'single-use' });
    const property = fc.asyncProperty(fc.array(fc.nat(), { maxLength: 12 }), async (picks) => {
      const line = [wechat.authorizeUser(APPID, 'openid').refresh_token];
      for (const pick of picks) {
        const { refresh_token } = await refreshUser(line[pick % line.length] as string);
        if (typeof refresh_token === 'string') line.push(refresh_token);
        expect(line.filter((token) => wechat.isValid(token))).toEqual([line.at(-1)]);
      }
    });
    await fc.assert(property, { numRuns: 20 });
  });
});

describe('a fault', () => {
  test('can empty one field, or change some', async () => {
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.fail('*', { empty: 'refresh_token' }, { times: 1 });
    wechat.fail('*', { change: { openid: 'other' } }, { times: 1 });
    expect(await refreshUser(refresh_token)).toMatchObject({ refresh_token: '', openid: 'openid' });
    expect(await refreshUser(refresh_token)).toMatchObject({ refresh_token, openid: 'other' });
  });
});
