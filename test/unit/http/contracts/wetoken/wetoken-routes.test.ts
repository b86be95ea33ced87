import { expect, test } from 'vitest';
import { TokenError } from '../../../../../src/index.js';
import { HttpWorld } from '../../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../../support/worlds/world.js';

const TICKET = { value: 'ticket-1', expiresInSeconds: 7_200 };

async function created(options: ConstructorParameters<typeof HttpWorld>[0] = {}): Promise<HttpWorld> {
  const world = new HttpWorld({ contracts: ['wetoken'], ...options });
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  return world;
}

const FIELDS = { appid: APPID, secret: SECRET, token: 'accepted and not stored' };

test.each([
  ['the query of a GET', { method: 'GET' }, `?${new URLSearchParams(FIELDS)}`],
  ['the query of a POST', { method: 'POST' }, `?${new URLSearchParams(FIELDS)}`],
  ['a form', { method: 'POST', body: String(new URLSearchParams(FIELDS)) }, ''],
  ['JSON', { method: 'POST', body: FIELDS }, ''],
])('an app is created from %s, with its two tasks', async (_, asked, query) => {
  await using world = new HttpWorld({ contracts: ['wetoken'] });
  const answer = await world.ask(`/wechat/app/create${query}`, asked);
  expect([answer.status, answer.body]).toEqual([200, { errcode: 0, errmsg: 'success' }]);
  expect(world.tokens.hasTask(APPID, 'access_token')).toBe(true);
  expect(world.tokens.hasTask(APPID, 'jsapi_ticket')).toBe(true);
});

test.each([
  [`?appid=${APPID}`, undefined, 'secret is required'],
  ['?secret=CANARY', undefined, 'appid is required'],
  ['', undefined, 'appid is required'],
  ['', '{"appid"', 'the body is not JSON'],
  ['', '{"appid":7,"secret":8}', 'appid is required'],
  ['?appid=..%2F&secret=CANARY', undefined, 'appid must be 1 to 64 characters of A-Z a-z 0-9 _ . @ -, got "../"'],
])('an app is not created from %s %s', async (query, body, errmsg) => {
  await using world = new HttpWorld({ contracts: ['wetoken'] });
  const answer = await world.ask(`/wechat/app/create${query}`, { method: 'POST', body });
  expect([answer.status, answer.body]).toEqual([200, { errcode: 400, errmsg }]);
});

test('a token is answered with its remaining lifetime and its expiry in China time', async () => {
  await using world = await created();
  const path = `/${APPID}/wechat/token/get`;
  const fresh = { errcode: 0, errmsg: 'success', access_token: 'token-1', expires_in: 7_200 };
  expect((await world.ask(path)).body).toEqual({ ...fresh, expires_date: '20260101100000' });
  await world.clock.advance(1_001);
  expect((await world.ask(path)).body).toMatchObject({ expires_in: 7_198, expires_date: '20260101100000' });
});

test('a token is answered with the lifetime that is left after the clock was set back', async () => {
  await using world = await created();
  const path = `/${APPID}/wechat/token/get`;
  await world.ask(path);
  await world.clock.advance(5_400_000);
  world.clock.jump(-3_600_000);
  const left = { expires_in: 1_800, expires_date: '20260101090000' };
  expect((await world.ask(path)).body).toMatchObject({ access_token: 'token-1', ...left });
});

test('a ticket is answered as the member ticket', async () => {
  await using world = await created();
  await world.tokens.put(APPID, 'jsapi_ticket', TICKET);
  expect((await world.ask(`/${APPID}/wechat/ticket/get`)).body).toMatchObject({
    ticket: 'ticket-1',
    expires_in: 7_200,
  });
});

test.each([
  [61_001, 'token-1'],
  [61_000, 'token-2'],
  [60_999, 'token-2'],
])('get with %i ms left answers %s', async (leftMs, value) => {
  await using world = await created();
  await world.tokens.get(APPID, 'access_token');
  world.clock.jump(7_200_000 - leftMs);
  world.wechat.lifeSeconds = 100;
  if (value === 'token-1') world.wechat.always = () => new Promise(() => {});
  expect((await world.ask(`/${APPID}/wechat/token/get`)).body).toMatchObject({ access_token: value });
});

test('refresh keeps a fresh token and replaces one that is due', async () => {
  await using world = await created();
  await world.tokens.get(APPID, 'access_token');
  const path = `/${APPID}/wechat/token/refresh`;
  expect((await world.ask(path)).body).toMatchObject({ errcode: 0, access_token: 'token-1' });
  world.clock.jump(6_700_000);
  expect((await world.ask(path, { method: 'POST' })).body).toMatchObject({ errcode: 0, access_token: 'token-2' });
  expect(world.wechat.calls).toBe(2);
});

test.each(['unknown', '%00', '..%2f'])('an app %s is errcode 400', async (appid) => {
  await using world = await created();
  const { status, body } = await world.ask(`/${appid}/wechat/token/get`);
  expect([status, body]).toEqual([200, { errcode: 400, errmsg: expect.any(String) }]);
});

test('a failure is errcode 400 with its text', async () => {
  await using world = await created();
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'the secret is wrong', { errcode: 40125 });
  const answer = await world.ask(`/${APPID}/wechat/token/get`);
  expect([answer.status, answer.body]).toEqual([200, { errcode: 400, errmsg: 'the secret is wrong' }]);
});

test.each([
  [`secret=${SECRET}`, 200],
  [`secret=${SECRET}&other=1`, 200],
  ['secret=wrong', 401],
  ['secret=', 401],
  ['', 401],
])("without a key, the query '%s' is HTTP %i", async (query, status) => {
  await using world = await created({ anonymous: false, trust: ['10.0.0.0/8'] });
  const answer = await world.ask(`/${APPID}/wechat/token/get?${query}`, { peer: '203.0.113.9' });
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({ errcode: status === 200 ? 0 : 400 });
  expect(JSON.stringify(answer.body)).not.toContain('CANARY');
});

test.each([
  ['a wrong secret', APPID, '&secret=wrong', /^no app with this secret is registered here; an API key is accepted/],
  ['a secret for an unknown app', 'wx-unknown', `&secret=${SECRET}`, /^no app with this secret is registered here/],
  ['no secret', APPID, '', /^an API key is required/],
])('the answer to %s without a key names what is wrong', async (_what, appid, query, message) => {
  await using world = await created({ anonymous: false, trust: ['10.0.0.0/8'] });
  const answer = await world.ask(`/${appid}/wechat/token/get?${appid}${query}`, { peer: '203.0.113.9' });
  expect([answer.status, answer.body]).toEqual([401, { errcode: 400, errmsg: expect.stringMatching(message) }]);
});

test("an app's secret opens no other app and creates none", async () => {
  await using world = await created({ anonymous: false, trust: ['10.0.0.0/8'] });
  await world.tokens.register({ appid: 'wx-other', secret: 'another', tasks: ['access_token'] });
  const peer = '203.0.113.9';
  expect((await world.ask(`/wx-other/wechat/token/get?secret=${SECRET}`, { peer })).status).toBe(401);
  expect((await world.ask('/wechat/app/create?appid=wx-new&secret=s', { peer })).status).toBe(401);
});

test.each([
  [`appid=${APPID}&secret=CANARY%0A`, undefined, 'secret must not end with white space (U+000A)'],
  [`appid=${APPID}&secret=%22CANARY%22`, undefined, 'secret must not be in quotation marks'],
  ['', `appid=${APPID}&secret=+CANARY`, 'secret must not begin with white space (U+0020)'],
  ['', `{"appid":"${APPID}","secret":"\\ufeffCANARY"}`, 'secret must not begin with an invisible character (U+FEFF)'],
])('a secret with extra characters around it creates no app: %#', async (query, body, errmsg) => {
  await using world = new HttpWorld({ contracts: ['wetoken'] });
  const posted = body === undefined ? {} : { method: 'POST', body };
  const answer = await world.ask(`/wechat/app/create?${query}`, posted);
  expect([answer.status, answer.body]).toEqual([200, { errcode: 400, errmsg }]);
  expect((await world.store.get([`app/${APPID}`]))[0]).toBeUndefined();
});
