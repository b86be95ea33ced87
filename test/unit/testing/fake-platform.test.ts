import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock, FakeWeChat, type FakeWeChatOptions } from '../../../src/testing/index.js';

type Answer = Record<string, unknown>;

const COMPONENT = 'wx0000000000000001';
const MERCHANT = 'wx0000000000000002';
const OTHER = 'wx0000000000000003';
const SECRET = 'secret';
const HOUR_MS = 3_600_000;
const WITH_TOKEN = ['api_create_preauthcode', 'api_query_auth', 'api_get_authorizer_info', 'api_get_authorizer_list'];

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

async function ask(name: string, query: Record<string, string>, body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const path = name.startsWith('/') ? name : `/cgi-bin/component/${name}`;
  const response = await fetch(`${wechat.origin}${path}?${new URLSearchParams(query)}`, init);
  return (await response.json()) as Answer;
}

async function platformToken(component = COMPONENT): Promise<string> {
  const component_verify_ticket = wechat.pushVerifyTicket(component);
  const body = { component_appid: component, component_appsecret: SECRET, component_verify_ticket };
  return String((await ask('api_component_token', {}, body))['component_access_token']);
}

/** Calls an endpoint with a new token of the platform. */
async function call(name: string, fields: object = {}): Promise<Answer> {
  return ask(name, { component_access_token: await platformToken() }, { component_appid: COMPONENT, ...fields });
}

function exchange(authorization_code: unknown): Promise<Answer> {
  return call('api_query_auth', { authorization_code });
}

async function exchanged(code: string): Promise<Answer> {
  return (await exchange(code))['authorization_info'] as Answer;
}

function list(offset: unknown, count: unknown): Promise<Answer> {
  return call('api_get_authorizer_list', { offset, count });
}

function info(authorizer_appid: unknown = MERCHANT): Promise<Answer> {
  return call('api_get_authorizer_info', { authorizer_appid });
}

describe('all endpoints of platforms', () => {
  test.each(WITH_TOKEN)('%s requires a token of this platform, and POST with JSON', async (name) => {
    const body = { component_appid: COMPONENT };
    const plain = await ask('/cgi-bin/token', { grant_type: 'client_credential', appid: COMPONENT, secret: SECRET });
    const withToken = async (token: unknown): Promise<unknown> =>
      (await ask(name, { component_access_token: String(token) }, body))['errcode'];
    expect(await withToken('')).toBe(41021);
    expect(await withToken('unknown')).toBe(40001);
    expect(await withToken(plain['access_token'])).toBe(61014);
    expect(await withToken(await platformToken(OTHER))).toBe(40013);
    expect((await call(name, { component_appid: undefined }))['errcode']).toBe(41018);
    expect((await ask(name, {}))['errcode']).toBe(43002);
    expect((await ask(name, {}, ['no object']))['errcode']).toBe(47001);
    expect(wechat.countCalls(`/cgi-bin/component/${name}`)).toBe(7);
  });

  test.each(WITH_TOKEN)('%s takes the token as access_token too, and has a quota where one is set', async (name) => {
    await start({ quotas: { [`/cgi-bin/component/${name}`]: { perDay: 1 } } });
    wechat.authorizeMerchant(COMPONENT, MERCHANT);
    const fields = { authorizer_appid: MERCHANT, offset: 0, count: 1 };
    const authorization_code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    const body = { component_appid: COMPONENT, authorization_code, ...fields };
    expect(await ask(name, { access_token: await platformToken() }, body)).not.toHaveProperty('errcode');
    expect(await call(name, fields)).toMatchObject({ errcode: 45009 });
  });

  test.each([...WITH_TOKEN, 'api_start_push_ticket'])('%s refuses an address off the whitelist', async (name) => {
    await start({ apps: { [COMPONENT]: { secret: SECRET } } });
    const component_access_token = await platformToken();
    wechat.setApp(COMPONENT, { secret: SECRET, ipWhitelist: ['203.0.113.7'] });
    const body = { component_appid: COMPONENT, component_secret: SECRET };
    expect(await ask(name, { component_access_token }, body)).toMatchObject({ errcode: 61004 });
  });
});

describe('pre-auth codes', () => {
  test('a platform gets a new pre-auth code each time, which lasts half an hour', async () => {
    const [first, second] = [await call('api_create_preauthcode'), await call('api_create_preauthcode')];
    const code = String(first['pre_auth_code']);
    expect(first).toEqual({ pre_auth_code: code, expires_in: 1800 });
    expect(second['pre_auth_code']).not.toBe(code);
    await clock.advance(1_799_999);
    expect(wechat.isValid(code)).toBe(true);
    await clock.advance(1);
    expect(wechat.isValid(code)).toBe(false);
    expect(wechat.calls.at(-1)).toMatchObject({ appid: COMPONENT, tokenType: 'pre_auth_code', errcode: 0 });
  });
});

describe('authorization codes', () => {
  test('a code is exchanged once for the tokens of the merchant', async () => {
    const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    expect(wechat.isValid(code)).toBe(true);
    const granted = await exchanged(code);
    expect(granted).toMatchObject({ authorizer_appid: MERCHANT, expires_in: 7200 });
    expect(granted['func_info']).toMatchObject([1, 2, 3].map((id) => ({ funcscope_category: { id } })));
    expect(wechat.isValid(String(granted['authorizer_access_token']))).toBe(true);
    const refreshed = await call('api_authorizer_token', {
      authorizer_appid: MERCHANT,
      authorizer_refresh_token: granted['authorizer_refresh_token'],
    });
    expect(refreshed['authorizer_refresh_token']).toBe(granted['authorizer_refresh_token']);
    expect(await exchange(code)).toMatchObject({ errcode: 61009 });
    expect(wechat.isValid(code)).toBe(false);
    expect(wechat.calls.at(-1)).toMatchObject({ subject: MERCHANT, tokenType: 'authorizer_access_token' });
  });

  test.each([
    [-1, undefined],
    [0, 61010],
    [1, 61010],
  ])('%i ms after an hour a code answers %s', async (late, errcode) => {
    const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    await clock.advance(HOUR_MS + late);
    expect((await exchange(code))['errcode']).toBe(errcode);
  });

  test('a code can be made to expire', async () => {
    const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    wechat.expire(code);
    expect(await exchange(code)).toMatchObject({ errcode: 61010 });
  });

  test.each(['unknown', '', null, undefined, 7])('the code %j is refused with 61009', async (code) => {
    expect(await exchange(code)).toMatchObject({ errcode: 61009 });
  });

  test('a code is refused to another platform, and is not used up by it', async () => {
    const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    const body = { component_appid: OTHER, authorization_code: code };
    expect(await ask('api_query_auth', { access_token: await platformToken(OTHER) }, body)).toMatchObject({
      errcode: 61009,
    });
    expect(await exchanged(code)).toMatchObject({ authorizer_appid: MERCHANT });
  });

  test('a code is worth nothing once the authorization has ended or was replaced', async () => {
    const withdrawn = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    wechat.withdrawAuthorization(COMPONENT, MERCHANT);
    expect(await exchange(withdrawn)).toMatchObject({ errcode: 61009 });
    const replaced = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    const current = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    expect(await exchange(replaced)).toMatchObject({ errcode: 61009 });
    expect(await exchanged(current)).toMatchObject({ authorizer_appid: MERCHANT });
  });

  test('a code of a new authorization voids the tokens of the one before', async () => {
    const before = await exchanged(wechat.createAuthorizationCode(COMPONENT, MERCHANT));
    const after = await exchanged(wechat.createAuthorizationCode(COMPONENT, MERCHANT));
    for (const name of ['authorizer_access_token', 'authorizer_refresh_token']) {
      expect(wechat.isValid(String(before[name]))).toBe(false);
      expect(wechat.isValid(String(after[name]))).toBe(true);
    }
  });

  test('an exchange after a refresh gives the refresh token that is valid by then', async () => {
    await start({ refreshTokens: 'single-use' });
    const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    const { authorizer_refresh_token } = (await info())['authorization_info'] as Answer;
    await call('api_authorizer_token', { authorizer_appid: MERCHANT, authorizer_refresh_token });
    const granted = await exchanged(code);
    expect(granted['authorizer_refresh_token']).not.toBe(authorizer_refresh_token);
    expect(wechat.isValid(String(granted['authorizer_refresh_token']))).toBe(true);
  });

  test('a merchant that grants no permission sets gives no tokens', async () => {
    wechat.setAccount(MERCHANT, { permissions: [] });
    const granted = await exchanged(wechat.createAuthorizationCode(COMPONENT, MERCHANT));
    expect(granted).toEqual({ authorizer_appid: MERCHANT, func_info: [] });
    expect((await info())['authorization_info']).toMatchObject({ authorizer_refresh_token: '' });
  });
});

describe('what is told about authorizers', () => {
  test.each([
    ['wx570bc396a51b8ff8', 'gh_3c884a361561', false],
    ['wx5910277cae6fd970', 'gh_7818dcb60240', true],
  ])(
    "the test account %s of WeChat's own is described with its original id",
    async (appid, user_name, isMiniProgram) => {
      wechat.authorizeMerchant(COMPONENT, appid);
      const described = (await info(appid))['authorizer_info'] as Answer;
      expect(described['user_name']).toBe(user_name);
      expect('MiniProgramInfo' in described).toBe(isMiniProgram);
      wechat.setAccount(appid, { userName: 'gh_other' });
      expect((await info(appid))['authorizer_info']).toMatchObject({ user_name: 'gh_other' });
    },
  );

  test('an official account is described without MiniProgramInfo', async () => {
    const refreshToken = wechat.authorizeMerchant(COMPONENT, MERCHANT);
    const answer = await info();
    expect(answer['authorizer_info']).toMatchObject({
      nick_name: expect.any(String),
      user_name: expect.stringMatching(/^gh_[0-9a-f]{12}$/),
      service_type_info: { id: 2 },
      verify_type_info: { id: 0 },
      principal_name: expect.any(String),
      account_status: 1,
    });
    expect(answer['authorizer_info']).not.toHaveProperty('MiniProgramInfo');
    expect(answer['authorization_info']).toMatchObject({
      authorizer_appid: MERCHANT,
      authorizer_refresh_token: refreshToken,
      func_info: [{}, {}, {}],
    });
    expect(answer['authorization_info']).not.toHaveProperty('authorizer_access_token');
    expect(wechat.calls.at(-1)).toMatchObject({ appid: COMPONENT, subject: MERCHANT, tokenType: undefined });
  });

  test('a mini program is described as it was set', async () => {
    wechat.authorizeMerchant(COMPONENT, MERCHANT);
    wechat.setAccount(MERCHANT, {
      kind: 'mini-program',
      nickName: 'Shop',
      userName: 'gh_3c884a361561',
      principalName: 'Shop Ltd',
      status: 19,
      permissions: [18],
    });
    const answer = await info();
    expect(answer['authorizer_info']).toMatchObject({
      nick_name: 'Shop',
      user_name: 'gh_3c884a361561',
      principal_name: 'Shop Ltd',
      service_type_info: { id: 0 },
      MiniProgramInfo: { categories: [] },
      account_status: 19,
    });
    expect(answer['authorization_info']).toMatchObject({ func_info: [{ funcscope_category: { id: 18 } }] });
    wechat.setAccount(MERCHANT, { kind: 'subscription' });
    expect((await info())['authorizer_info']).toMatchObject({ service_type_info: { id: 0 }, account_status: 1 });
  });

  test.each([undefined, OTHER])('61003 is the answer about the account %s, which has not authorized', async (appid) => {
    wechat.authorizeMerchant(COMPONENT, MERCHANT);
    wechat.authorizeMerchant(OTHER, OTHER);
    expect(await call('api_get_authorizer_info', { authorizer_appid: appid })).toMatchObject({ errcode: 61003 });
  });

  test('the authorizers of a platform are listed in pages, with their refresh tokens', async () => {
    const merchants = ['wx21', 'wx22', 'wx23'];
    const tokens = merchants.map((merchant) => wechat.authorizeMerchant(COMPONENT, merchant));
    wechat.authorizeMerchant(OTHER, 'wx24');
    const auth_time = clock.now() / 1_000;
    const listed = merchants.map((authorizer_appid, index) => {
      return { authorizer_appid, refresh_token: tokens[index], auth_time };
    });
    expect(await list(0, 500)).toEqual({ total_count: 3, list: listed });
    expect(await list(1, 1)).toEqual({ total_count: 3, list: listed.slice(1, 2) });
    expect(await list(3, 500)).toEqual({ total_count: 3, list: [] });
    wechat.withdrawAuthorization(COMPONENT, 'wx22');
    expect(await list(0, 500)).toEqual({ total_count: 2, list: [listed[0], listed[2]] });
  });

  test('a refresh token that WeChat hides is empty in the list and in the description', async () => {
    wechat.setAccount(MERCHANT, { hidesRefreshToken: true });
    const code = wechat.createAuthorizationCode(COMPONENT, MERCHANT);
    expect((await list(0, 1))['list']).toMatchObject([{ refresh_token: '' }]);
    expect((await info())['authorization_info']).toMatchObject({ authorizer_refresh_token: '' });
    expect(await exchanged(code)).toMatchObject({ authorizer_refresh_token: expect.stringMatching(/./) });
  });

  test.each([
    [40170, 0, 501],
    [47001, -1, 1],
    [47001, 0, undefined],
    [47001, '0', 1],
    [47001, 0, 0.5],
  ])('the error %i answers a list from %j of %j', async (errcode, offset, count) => {
    expect(await list(offset, count)).toMatchObject({ errcode });
  });
});

describe('the start of the ticket push', () => {
  const startPush = (body: unknown): Promise<Answer> => ask('api_start_push_ticket', {}, body);

  test('a platform with a valid ticket is in a normal state', async () => {
    await start({ apps: { [COMPONENT]: { secret: SECRET } } });
    const body = { component_appid: COMPONENT, component_secret: SECRET };
    wechat.pushVerifyTicket(OTHER);
    expect(await startPush(body)).toEqual({ errcode: 0, errmsg: 'ok' });
    wechat.pushVerifyTicket(COMPONENT);
    expect(await startPush(body)).toEqual({ errcode: 0, errmsg: 'in a normal state' });
    await clock.advance(12 * HOUR_MS);
    expect(await startPush(body)).toEqual({ errcode: 0, errmsg: 'ok' });
    expect(wechat.calls.at(-1)).toMatchObject({ appid: COMPONENT, tokenType: undefined, errcode: 0 });
  });

  test.each([
    [41018, { component_secret: SECRET }],
    [40013, { component_appid: OTHER, component_secret: SECRET }],
    [40013, { component_appid: COMPONENT, component_secret: 'wrong' }],
    [40013, { component_appid: COMPONENT, component_appsecret: SECRET }],
    [47001, ['no object']],
    [43002, undefined],
  ])('the error %i answers %j', async (errcode, body) => {
    await start({ apps: { [COMPONENT]: { secret: SECRET } } });
    expect(await startPush(body)).toMatchObject({ errcode });
  });

  test('the start of the ticket push has a quota where one is set', async () => {
    await start({ quotas: { '/cgi-bin/component/api_start_push_ticket': { perDay: 1 } } });
    const body = { component_appid: COMPONENT, component_secret: SECRET };
    expect(await startPush(body)).toMatchObject({ errcode: 0 });
    expect(await startPush(body)).toMatchObject({ errcode: 45009 });
  });
});
