import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock, FakeWeChat, type FakeWeChatOptions } from '../../../src/testing/index.js';

const APPID = 'wx0000000000000001';
const MERCHANT = 'wx0000000000000002';
const SECRET = 'secret';
const HOUR_MS = 3_600_000;
const COMPONENT_PATH = '/cgi-bin/component/api_component_token';
const AUTHORIZER_PATH = '/cgi-bin/component/api_authorizer_token';

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
  return ask(COMPONENT_PATH, {}, body);
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
  return ask(AUTHORIZER_PATH, { component_access_token: token }, body);
}

describe('a user', () => {
  test('a code is exchanged for the tokens of a user once', async () => {
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
    [41002, { appid: '' }],
    [41004, { secret: '' }],
    [40125, { secret: 'wrong' }],
    [40013, { appid: 'wx9' }],
  ])('the error %i answers an exchange with %j', async (errcode, more) => {
    await start({ apps: { [APPID]: { secret: SECRET } } });
    expect(await exchange(wechat.createCode(APPID, 'openid'), more)).toMatchObject({ errcode });
  });

  test('a refused exchange leaves the code valid', async () => {
    const code = wechat.createCode(APPID, 'openid', { scope: 'snsapi_userinfo' });
    await exchange(code, { secret: 'wrong' });
    await exchange(code, { appid: 'wx9' });
    expect(await exchange(code)).toMatchObject({ openid: 'openid', scope: 'snsapi_userinfo' });
    expect(wechat.calls.at(-1)).toMatchObject({ appid: APPID, subject: 'openid', tokenType: 'oauth2_access_token' });
  });

  test.each([
    [-1, undefined],
    [0, 42003],
    [1, 42003],
  ])('%i ms after five minutes a code answers %s', async (late, errcode) => {
    const code = wechat.createCode(APPID, 'openid');
    await clock.advance(300_000 + late);
    expect((await exchange(code))['errcode']).toBe(errcode);
  });

  test('an address that is not on the whitelist exchanges no code, but refreshes', async () => {
    await start({ apps: { [APPID]: { secret: SECRET, ipWhitelist: ['203.0.113.7'] } } });
    expect(await exchange(wechat.createCode(APPID, 'openid'))).toMatchObject({ errcode: 40164 });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    expect(await refreshUser(refresh_token)).toMatchObject({ openid: 'openid' });
  });

  test('two logins of a user have tokens and scopes of their own, and both stay valid', async () => {
    const first = wechat.authorizeUser(APPID, 'openid');
    const second = wechat.authorizeUser(APPID, 'openid', { scope: 'snsapi_userinfo' });
    expect(await refreshUser(first.refresh_token)).toEqual(first);
    expect(await refreshUser(second.refresh_token)).toEqual(second);
    expect(first.access_token).not.toBe(second.access_token);
    expect(second.scope).toBe('snsapi_userinfo');
  });

  test('a user has the same access token renewed while it lives, and then another', async () => {
    const { access_token, refresh_token } = wechat.authorizeUser(APPID, 'openid');
    await clock.advance(HOUR_MS);
    expect(await refreshUser(refresh_token)).toMatchObject({ access_token, refresh_token, expires_in: 7200 });
    await clock.advance(2 * HOUR_MS);
    expect(wechat.isValid(access_token)).toBe(false);
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
    [40013, { appid: 'wx9' }],
    [40030, { appid: 'wx8' }],
  ])('the error %i answers a refresh with %j', async (errcode, more) => {
    await start({ apps: { [APPID]: { secret: SECRET }, wx8: { secret: SECRET } }, refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    expect(await refreshUser(refresh_token, more)).toMatchObject({ errcode });
    expect(wechat.isValid(refresh_token)).toBe(true);
  });

  test('a user may withdraw the authorization', async () => {
    const { access_token, refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.withdrawAuthorization(APPID, 'openid');
    expect(await refreshUser(refresh_token)).toMatchObject({ errcode: 42007 });
    expect(wechat.isValid(access_token)).toBe(false);
    const again = wechat.authorizeUser(APPID, 'openid');
    expect(await refreshUser(again.refresh_token)).toEqual(again);
    expect(await refreshUser(refresh_token)).toMatchObject({ errcode: 42007 });
  });

  test('a user has another access token after those of the app were revoked', async () => {
    const { access_token, refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.revoke(APPID);
    expect(await ask('/sns/auth', { access_token, openid: 'openid' })).toMatchObject({ errcode: 40001 });
    expect(wechat.isValid(String((await refreshUser(refresh_token))['access_token']))).toBe(true);
  });

  test('an access token of a user can be checked', async () => {
    const { access_token } = wechat.authorizeUser(APPID, 'openid');
    const query = { access_token, openid: 'openid' };
    expect(await ask('/sns/auth', query)).toEqual({ errcode: 0, errmsg: 'ok' });
    expect(await ask('/sns/auth', { ...query, openid: 'other' })).toMatchObject({ errcode: 40003 });
    wechat.expire(access_token);
    expect(await ask('/sns/auth', query)).toMatchObject({ errcode: 42001 });
    expect(await ask('/sns/auth', { ...query, access_token: 'unknown' })).toMatchObject({ errcode: 40001 });
    expect(await ask('/sns/auth', { ...query, access_token: '' })).toMatchObject({ errcode: 41001 });
    expect(wechat.calls[0]).toMatchObject({ appid: APPID, subject: 'openid', tokenType: undefined });
  });
});

describe('a platform', () => {
  test('a platform gets another token each time, and the one before lives on for the overlap', async () => {
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
    expect(wechat.isValid(ticket)).toBe(errcode === undefined);
    expect((await componentToken(ticket))['errcode']).toBe(errcode);
  });

  test('a platform is pushed another ticket, and the one before stays valid until it is made to expire', async () => {
    const [first, second] = [wechat.pushVerifyTicket(APPID), wechat.pushVerifyTicket(APPID)];
    expect(await componentToken(first)).toHaveProperty('component_access_token');
    wechat.expire(first);
    expect(await componentToken(first)).toMatchObject({ errcode: 61005 });
    expect(await componentToken(second)).toHaveProperty('component_access_token');
  });

  test.each([
    [61006, 'unknown', {}],
    [61006, null, {}],
    [41018, 'unknown', { component_appid: '' }],
    [41004, 'unknown', { component_appsecret: '' }],
    [40125, 'unknown', { component_appsecret: 'wrong' }],
    [40013, 'unknown', { component_appid: 'wx9' }],
  ])('the error %i answers the ticket %j with %j', async (errcode, ticket, more) => {
    await start({ apps: { [APPID]: { secret: SECRET } } });
    expect(await componentToken(ticket, more)).toMatchObject({ errcode });
  });

  test('the ticket of another platform is refused', async () => {
    expect(await componentToken(wechat.pushVerifyTicket('wx9'))).toMatchObject({ errcode: 61006 });
  });

  test('an address that is not on the whitelist of a platform gets the error of platforms', async () => {
    await start({ apps: { [APPID]: { secret: SECRET, ipWhitelist: ['203.0.113.7'] } } });
    expect(await componentToken(wechat.pushVerifyTicket(APPID))).toMatchObject({ errcode: 61004 });
    wechat.setApp(APPID, { secret: SECRET });
    const token = await platformToken();
    wechat.setApp(APPID, { secret: SECRET, ipWhitelist: ['203.0.113.7'] });
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    expect(await authorizerToken(token, refreshToken)).toMatchObject({ errcode: 61004 });
  });

  test.each([COMPONENT_PATH, AUTHORIZER_PATH])('%s requires POST with JSON', async (path) => {
    expect(await ask(path, {})).toMatchObject({ errcode: 43002 });
    expect(await ask(path, {}, ['no object'])).toMatchObject({ errcode: 47001 });
  });

  test.each(['revoke', 'supersede'] as const)('%s ends all tokens of a platform', async (how) => {
    const tokens = [await platformToken(), await platformToken()];
    wechat[how](APPID);
    expect(tokens.map((token) => wechat.isValid(token))).toEqual([false, false]);
    expect(wechat.isValid(await platformToken())).toBe(true);
  });

  test.each(['/sns/oauth2/refresh_token', COMPONENT_PATH, AUTHORIZER_PATH])(
    '%s has no quota unless one is set',
    async (path) => {
      await start({ quotas: { [path]: { perDay: 2 } }, refreshTokens: 'single-use' });
      const token = await platformToken();
      let refreshToken: unknown = path.startsWith('/sns')
        ? wechat.authorizeUser(APPID, 'openid').refresh_token
        : wechat.authorizeMerchant(APPID, MERCHANT);
      const call = async (): Promise<Record<string, unknown>> => {
        if (path === COMPONENT_PATH) return componentToken(wechat.pushVerifyTicket(APPID));
        const answer = await (path === AUTHORIZER_PATH
          ? authorizerToken(token, String(refreshToken))
          : refreshUser(String(refreshToken)));
        refreshToken = answer['refresh_token'] ?? answer['authorizer_refresh_token'] ?? refreshToken;
        return answer;
      };
      while (wechat.countCalls(path) < 2) expect(await call()).not.toHaveProperty('errcode');
      expect(await call()).toMatchObject({ errcode: 45009 });
      if (path !== COMPONENT_PATH) expect(wechat.isValid(String(refreshToken))).toBe(true);
    },
  );
});

describe('a merchant', () => {
  test('a merchant has tokens of its own, with which tickets are made', async () => {
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

  test('a merchant that authorizes again has another refresh token, and its old tokens are dead', async () => {
    const before = wechat.authorizeMerchant(APPID, MERCHANT);
    const { authorizer_access_token } = await authorizerToken(await platformToken(), before);
    const after = wechat.authorizeMerchant(APPID, MERCHANT);
    expect(wechat.isValid(String(authorizer_access_token))).toBe(false);
    expect(await authorizerToken(await platformToken(), before)).toMatchObject({ errcode: 61023 });
    expect((await authorizerToken(await platformToken(), after))['authorizer_refresh_token']).toBe(after);
  });

  test('a merchant that withdraws the authorization is answered with 61003', async () => {
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    wechat.withdrawAuthorization(APPID, MERCHANT);
    expect(await authorizerToken(await platformToken(), refreshToken)).toMatchObject({ errcode: 61003 });
    expect(await authorizerToken(await platformToken(), 'unknown')).toMatchObject({ errcode: 61003 });
    wechat.authorizeMerchant(APPID, MERCHANT);
    expect(await authorizerToken(await platformToken(), refreshToken)).toMatchObject({ errcode: 61023 });
  });

  test('a merchant loses its access token when it withdraws or its tokens are revoked', async () => {
    for (const how of ['withdrawAuthorization', 'revoke'] as const) {
      const answer = await authorizerToken(await platformToken(), wechat.authorizeMerchant(APPID, MERCHANT));
      const token = String(answer['authorizer_access_token']);
      expect(wechat.isValid(token)).toBe(true);
      if (how === 'revoke') wechat.revoke(MERCHANT);
      else wechat.withdrawAuthorization(APPID, MERCHANT);
      expect(await ask('/cgi-bin/getcallbackip', { access_token: token })).toMatchObject({ errcode: 40001 });
    }
  });

  test('a merchant has a token for each platform, and withdraws each authorization by itself', async () => {
    const answer = await authorizerToken(await platformToken(), wechat.authorizeMerchant(APPID, MERCHANT));
    const ofOther = wechat.authorizeMerchant('wx9', MERCHANT);
    expect(await authorizerToken(await platformToken(), ofOther)).toMatchObject({ errcode: 61023 });
    wechat.withdrawAuthorization('wx9', MERCHANT);
    expect(wechat.isValid(String(answer['authorizer_access_token']))).toBe(true);
    expect(wechat.isValid(ofOther)).toBe(false);
  });

  test('a merchant token is requested with the platform token under either name', async () => {
    const body = {
      component_appid: APPID,
      authorizer_appid: MERCHANT,
      authorizer_refresh_token: wechat.authorizeMerchant(APPID, MERCHANT),
    };
    const answer = await ask(AUTHORIZER_PATH, { access_token: await platformToken() }, body);
    expect(answer).toHaveProperty('authorizer_access_token');
  });

  test.each([
    [61023, { authorizer_refresh_token: 'unknown' }],
    [61023, { authorizer_refresh_token: null }],
    [61003, { authorizer_appid: 'wx9' }],
    [61003, { authorizer_appid: undefined }],
    [40013, { component_appid: 'wx9' }],
    [41018, { component_appid: undefined }],
  ])('the error %i answers a merchant token request with %j', async (errcode, more) => {
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    expect(await authorizerToken(await platformToken(), refreshToken, more)).toMatchObject({ errcode });
  });

  test('a platform token that is dead, missing or of another kind gets its own error', async () => {
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    const token = await platformToken();
    wechat.expire(token);
    expect(await authorizerToken(token, refreshToken)).toMatchObject({ errcode: 42001 });
    expect(await authorizerToken('unknown', refreshToken)).toMatchObject({ errcode: 40001 });
    expect(await authorizerToken('', refreshToken)).toMatchObject({ errcode: 41021 });
    const plain = await ask('/cgi-bin/token', { grant_type: 'client_credential', appid: APPID, secret: SECRET });
    expect(await authorizerToken(String(plain['access_token']), refreshToken)).toMatchObject({ errcode: 61014 });
  });

  test('a platform token is not that of an account', async () => {
    const access_token = await platformToken();
    expect(await ask('/cgi-bin/ticket/getticket', { access_token, type: 'jsapi' })).toMatchObject({ errcode: 40001 });
  });
});

describe('refresh tokens', () => {
  test('single-use: each refresh token is valid once, and a replay is counted', async () => {
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
  ])('grace: %i ms after its end a used token answers %s', async (late, errcode) => {
    await start({ refreshTokens: { graceSeconds: 60 } });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    const next = (await refreshUser(refresh_token))['refresh_token'];
    await clock.advance(60_000 + late);
    const again = await refreshUser(refresh_token);
    expect(again['errcode']).toBe(errcode);
    if (errcode === undefined) expect(again['refresh_token']).toBe(next);
    expect(wechat.isValid(String(next))).toBe(true);
  });

  test('a refresh whose answer is lost has used the token up', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.fail('/sns/oauth2/refresh_token', 'lost', { times: 1 });
    await expect(refreshUser(refresh_token)).rejects.toThrow();
    expect(wechat.isValid(refresh_token)).toBe(false);
  });

  test('a refresh whose answer comes late has used the token up when the call came', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.fail('*', { delayMs: 500 }, { times: 1 });
    const call = wechat.nextCall();
    const answer = refreshUser(refresh_token);
    await call;
    expect(wechat.isValid(refresh_token)).toBe(false);
    await clock.advance(500);
    expect(wechat.isValid(String((await answer)['refresh_token']))).toBe(true);
  });

  test('a refresh that was answered with nothing done has not used the token up', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.fail('*', { errcode: -1 }, { times: 1 });
    expect(await refreshUser(refresh_token)).toMatchObject({ errcode: -1 });
    expect(wechat.isValid(refresh_token)).toBe(true);
  });

  test('a successor expires when the first token of its line does', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    await clock.advance(20 * 24 * HOUR_MS);
    const next = String((await refreshUser(refresh_token))['refresh_token']);
    await clock.advance(10 * 24 * HOUR_MS);
    expect(await refreshUser(next)).toMatchObject({ errcode: 42002 });
  });

  test('a refresh token can be made to expire', async () => {
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.expire(refresh_token);
    expect(await refreshUser(refresh_token)).toMatchObject({ errcode: 42002 });
  });

  test('refresh tokens of users and merchants are no more than unknown to one another', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, MERCHANT);
    const ofMerchant = wechat.authorizeMerchant(APPID, MERCHANT);
    expect(await refreshUser(ofMerchant)).toMatchObject({ errcode: 40030 });
    expect(await authorizerToken(await platformToken(), refresh_token)).toMatchObject({ errcode: 61023 });
    expect([wechat.isValid(refresh_token), wechat.isValid(ofMerchant), wechat.replays]).toEqual([true, true, 0]);
  });

  test('a replay is counted in the grace time and after another authorization too', async () => {
    await start({ refreshTokens: { graceSeconds: 60 } });
    const token = await platformToken();
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    await authorizerToken(token, refreshToken);
    await authorizerToken(token, refreshToken);
    wechat.authorizeMerchant(APPID, MERCHANT);
    await authorizerToken(token, refreshToken);
    expect(wechat.replays).toBe(2);
  });

  test('a merchant has single-use tokens too', async () => {
    await start({ refreshTokens: 'single-use' });
    const refreshToken = wechat.authorizeMerchant(APPID, MERCHANT);
    const token = await platformToken();
    expect((await authorizerToken(token, refreshToken))['authorizer_refresh_token']).not.toBe(refreshToken);
    expect(await authorizerToken(token, refreshToken)).toMatchObject({ errcode: 61023 });
  });

  test('one token of a line is valid at any time, whatever is sent', async () => {
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

  test('grace: the newest token of a line is valid, and each answer repeats its successor, whatever is sent', async () => {
    await start({ refreshTokens: { graceSeconds: 60 } });
    const steps = fc.array(fc.record({ pick: fc.nat(), laterMs: fc.nat({ max: 70_000 }) }), { maxLength: 12 });
    const property = fc.asyncProperty(steps, async (taken) => {
      const line = [wechat.authorizeUser(APPID, 'openid').refresh_token];
      const usedAt = new Map<number, number>();
      for (const { pick, laterMs } of taken) {
        await clock.advance(laterMs);
        const index = pick % line.length;
        const isGood = clock.now() < (usedAt.get(index) ?? Number.POSITIVE_INFINITY) + 60_000;
        const { refresh_token } = await refreshUser(line[index] as string);
        expect(refresh_token !== undefined).toBe(isGood);
        if (isGood && !usedAt.has(index)) {
          usedAt.set(index, clock.now());
          line.push(String(refresh_token));
        }
        if (isGood) expect(refresh_token).toBe(line[index + 1]);
        expect(wechat.isValid(line.at(-1) as string)).toBe(true);
      }
    });
    await fc.assert(property, { numRuns: 20 });
  });
});

describe('the log of calls', () => {
  test('the log of calls holds no secrets, tokens, tickets or codes', async () => {
    await start({ apps: { [APPID]: { secret: 'canary-secret' } } });
    const code = wechat.createCode(APPID, 'openid');
    const ticket = wechat.pushVerifyTicket(APPID);
    const user = await exchange(code, { secret: 'canary-secret' });
    await refreshUser(String(user['refresh_token']));
    await ask('/sns/auth', { access_token: String(user['access_token']), openid: 'openid' });
    const component = await componentToken(ticket, { component_appsecret: 'canary-secret' });
    const token = String(component['component_access_token']);
    const merchant = await authorizerToken(token, wechat.authorizeMerchant(APPID, MERCHANT));
    await ask('/cgi-bin/getcallbackip', { access_token: String(merchant['authorizer_access_token']) });
    expect(wechat.calls.map(({ errcode }) => errcode)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(JSON.stringify(wechat.calls)).not.toMatch(/canary|[0-9a-f]{20}/);
  });
});

describe('a fault', () => {
  test('a fault can empty one field, or change some', async () => {
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.fail('*', { empty: 'refresh_token' }, { times: 1 });
    wechat.fail('*', { change: { openid: 'other' } }, { times: 1 });
    expect(await refreshUser(refresh_token)).toMatchObject({ refresh_token: '', openid: 'openid' });
    expect(await refreshUser(refresh_token)).toMatchObject({ refresh_token, openid: 'other' });
    wechat.fail('*', { empty: 'access_token' }, { times: 1 });
    wechat.fail('*', { change: { unionid: 'added' } }, { times: 1 });
    expect(await refreshUser(refresh_token)).toMatchObject({ access_token: '', refresh_token });
    expect(await refreshUser(refresh_token)).toMatchObject({ openid: 'openid', unionid: 'added' });
  });

  test('a fault that changes an answer leaves the work done', async () => {
    await start({ refreshTokens: 'single-use' });
    const { refresh_token } = wechat.authorizeUser(APPID, 'openid');
    wechat.fail('*', { change: { openid: 'other' } }, { times: 1 });
    await refreshUser(refresh_token);
    expect(wechat.isValid(refresh_token)).toBe(false);
  });
});
