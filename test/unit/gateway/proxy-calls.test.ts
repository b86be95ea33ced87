import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { CallReport } from '../../../src/http/index.js';
import { MemoryStore } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { ClaimingStore } from '../../support/stores/claiming-store.js';
import { FaultyStore } from '../../support/stores/shared-store.js';
import { GatewayWorld } from '../../support/worlds/gateway-world.js';
import { APPID } from '../../support/worlds/world.js';

test('a call without a token reaches WeChat with the current one in its query', async () => {
  await using world = await GatewayWorld.start();
  const answer = await world.call('/cgi-bin/user/info?openid=o1&lang=zh_CN');
  expect(await answer.json()).toEqual({ errcode: 0, errmsg: 'ok' });
  expect(world.wechat.calls.map(({ method, url }) => [method, url])).toEqual([
    ['GET', '/cgi-bin/user/info?access_token=TOKEN-1&openid=o1&lang=zh_CN'],
  ]);
});

test('a body reaches WeChat byte for byte, with its type and length', async () => {
  await using world = await GatewayWorld.start();
  await world.call('/cgi-bin/message/custom/send', {
    method: 'POST',
    body: '{"touser":"o1"}',
    headers: { 'content-type': 'application/json' },
  });
  const [call] = world.wechat.calls;
  expect(call?.body).toBe('{"touser":"o1"}');
  expect(call?.headers).toMatchObject({ 'content-type': 'application/json', 'content-length': '15' });
});

test("a caller's own token, key, cookie and unknown headers never reach WeChat", async () => {
  await using world = await GatewayWorld.start();
  await world.call('/cgi-bin/user/get?Access%5FToken=THEIRS&next_openid=&component_access_token=x', {
    headers: { cookie: 'a=b', 'x-forwarded-for': '10.0.0.1', 'x-token-type': 'access_token', 'x-own': '1' },
  });
  const [call] = world.wechat.calls;
  expect(call?.url).toBe('/cgi-bin/user/get?access_token=TOKEN-1&next_openid=');
  const names = (call?.rawHeaders ?? []).filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const allowed = ['host', 'connection', 'user-agent', 'accept', 'accept-encoding', 'accept-language', 'content-type'];
  expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
});

test('a stale token is replaced, and the call is made once more', async () => {
  await using world = await GatewayWorld.start();
  world.wechat.answering = ({ url }, response) => {
    response.setHeader('content-type', 'image/jpeg');
    response.end(url.includes('TOKEN-1') ? '{"errcode":40001,"errmsg":"invalid credential"}' : '{"errcode":0}');
  };
  const answer = await world.call('/cgi-bin/message/custom/send', { method: 'POST', body: '{"touser":"o1"}' });
  expect(await answer.text()).toBe('{"errcode":0}');
  expect(world.wechat.calls.map(({ url, body }) => [url, body])).toEqual([
    ['/cgi-bin/message/custom/send?access_token=TOKEN-1', '{"touser":"o1"}'],
    ['/cgi-bin/message/custom/send?access_token=TOKEN-2', '{"touser":"o1"}'],
  ]);
});

test('calls with a token that WeChat ended at once use up no reports before the token may be replaced again', async () => {
  const clock = new FakeClock();
  await using world = await GatewayWorld.start({ clock });
  world.wechat.answering = ({ url }, response) =>
    response.end(/TOKEN-[12]$/.test(url) ? '{"errcode":40001}' : '{"errcode":0}');
  const codeOf = async (path: string): Promise<unknown> =>
    ((await (await world.call(path)).json()) as { errcode: number }).errcode;
  expect(await codeOf('/cgi-bin/user/get')).toBe(40_001);
  for (let call = 1; call <= 12; call++) expect(await codeOf('/cgi-bin/menu/get')).toBe(40_001);
  expect(world.wechat.issued).toBe(2);
  await clock.advance(32_000);
  expect(await codeOf('/cgi-bin/menu/get')).toBe(0);
  expect(world.wechat.issued).toBe(3);
});

test('50 concurrent callers with a stale token succeed after one refresh', async () => {
  await using world = await GatewayWorld.start();
  world.wechat.answering = ({ url }, response) =>
    response.end(url.includes('TOKEN-1') ? '{"errcode":40001}' : '{"errcode":0}');
  const answers = await Promise.all(Array.from({ length: 50 }, () => world.call('/cgi-bin/user/get')));
  expect(new Set(await Promise.all(answers.map((answer) => answer.text())))).toEqual(new Set(['{"errcode":0}']));
  expect(world.wechat.issued).toBe(2);
});

test('media is streamed in both directions', async () => {
  await using world = await GatewayWorld.start();
  const media = Buffer.alloc(3_000_000, 'm');
  world.wechat.answering = ({ body }, response) => {
    response.setHeader('content-type', 'image/png');
    response.setHeader('content-length', media.length);
    response.end(body.length === media.length ? media : 'wrong');
  };
  const answer = await world.call('/cgi-bin/media/upload?type=image', { method: 'POST', body: media });
  expect(answer.headers.get('content-type')).toBe('image/png');
  expect(Buffer.from(await answer.arrayBuffer()).equals(media)).toBe(true);
});

test('a redirect of WeChat is a 502, because its location could repeat the token', async () => {
  await using world = await GatewayWorld.start();
  world.wechat.answering = ({ url }, response) =>
    response.writeHead(302, { location: `http://other.test${url}` }).end();
  const answer = await world.call('/cgi-bin/user/get', { redirect: 'manual' });
  expect(answer.status).toBe(502);
  expect(answer.headers.get('location')).toBeNull();
  expect(await answer.text()).not.toContain('TOKEN');
});

test.each([
  ['an error page', 504, {}, (url: string) => `could not reach http://relay.test${url}`],
  ['a page', 200, { 'content-type': 'text/html' }, (url: string) => `<html><a href="${url}">${url}</a></html>`],
  ['a page after empty lines', 200, {}, (url: string) => `\r\n\r\n<html>${url}</html>`],
  ['an error of WeChat', 200, {}, (url: string) => JSON.stringify({ errcode: 40066, errmsg: `invalid url ${url}` })],
  ['a compressed answer', 200, { 'content-encoding': 'gzip' }, (url: string) => gzipSync(`not found: ${url}`)],
] as const)('%s that repeats the token is a 502, because the caller holds none', async (_, status, headers, body) => {
  await using world = await GatewayWorld.start();
  world.wechat.answering = ({ url }, response) => response.writeHead(status, headers).end(body(url));
  const answer = await world.call('/cgi-bin/user/get?openid=o1');
  expect(answer.status).toBe(502);
  expect(await answer.text()).not.toContain('TOKEN');
});

test('a stale answer that repeats the token is replaced by the answer to the call with the new token', async () => {
  await using world = await GatewayWorld.start();
  world.wechat.answering = ({ url }, response) =>
    response.end(url.includes('TOKEN-1') ? '{"errcode":40001,"errmsg":"invalid credential TOKEN-1"}' : '{"errcode":0}');
  expect(await (await world.call('/cgi-bin/user/get')).text()).toBe('{"errcode":0}');
});

test('an error page without the token reaches the caller as it is', async () => {
  await using world = await GatewayWorld.start();
  world.wechat.answering = (_, response) => response.writeHead(503).end('try again later');
  const answer = await world.call('/cgi-bin/user/get');
  expect([answer.status, await answer.text()]).toEqual([503, 'try again later']);
});

test.each([
  ['/cgi-bin/token', 403],
  ['/CGI-BIN/Token', 403],
  ['/cgi-bin/stable_token', 403],
  ['/cgi-bin/ticket/getticket', 403],
  ['/cgi-bin/clear_quota', 403],
  ['/cgi-bin/clear_quota/v2', 403],
  ['/cgi-bin/openapi/rid/get', 403],
  ['/cgi-bin/openapi/quota/clear', 403],
  ['/sns/oauth2/refresh_token', 403],
  ['/sns/userinfo', 400],
  ['/SNS/auth', 400],
  ['/cgi-bin/component/api_query_auth', 403],
  ['/cgi-bin/component/fastregisterweapp', 403],
  ['/cgi-bin/user%2Finfo', 400],
  ['/cgi-bin//user', 400],
  ['/cgi-bin/user/', 400],
])('a call of %s is answered with %i', async (path, status) => {
  await using world = await GatewayWorld.start();
  expect((await world.call(path)).status).toBe(status);
  expect(world.wechat.calls).toHaveLength(status === 200 ? 1 : 0);
});

test('a key with paths calls these and those below them', async () => {
  await using world = await GatewayWorld.start({ key: { paths: ['/cgi-bin/message/'] } });
  const statuses = ['/cgi-bin/message/custom/send', '/cgi-bin/Message', '/cgi-bin/messages', '/cgi-bin/user/get'].map(
    async (path) => (await world.call(path)).status,
  );
  expect(await Promise.all(statuses)).toEqual([200, 200, 403, 403]);
});

test.each([
  ['/cgi-bin/token', 'this path is refused for every key'],
  ['/sns/oauth2/refresh_token', 'this path is refused for every key'],
  ['/cgi-bin/user/get', 'this key may not call this path'],
  ['/cgi-bin/component/fastregisterweapp', 'this key may not call this path'],
])('the answer to a refused call of %s says that %s', async (path, detail) => {
  await using world = await GatewayWorld.start({ key: { paths: ['/cgi-bin/token', '/sns'] } });
  expect(await (await world.call(path)).json()).toMatchObject({ status: 403, detail });
});

test.each(['read', 'refresh', 'register'] as const)('a key with the scope %s may not call', async (scope) => {
  await using world = await GatewayWorld.start({ key: { scopes: [scope] } });
  expect((await world.call('/cgi-bin/user/get')).status).toBe(403);
  expect(world.wechat.calls).toEqual([]);
});

test('a caller without a key may not call, even where everything else is anonymous', async () => {
  await using world = await GatewayWorld.start({ handler: { anonymous: true } });
  const answer = await world.fetch(`/proxy/${APPID}/cgi-bin/user/get`);
  expect(answer.status).toBe(403);
});

test.each([
  ['component_access_token', '/cgi-bin/component/setprivacysetting?component_access_token=COMPONENT'],
  ['access_token', '/cgi-bin/component/setprivacysetting?access_token=TOKEN-1'],
])('a path of a component gets a token of type %s in the parameter of that type', async (type, url) => {
  await using world = await GatewayWorld.start({ key: { paths: ['/cgi-bin/component/setprivacysetting'] } });
  await world.tokens.put(APPID, 'component_access_token', { value: 'COMPONENT', expiresInSeconds: 7_200 });
  await world.call('/cgi-bin/component/setprivacysetting', { headers: { 'x-token-type': type } });
  expect(world.wechat.calls.map((call) => call.url)).toEqual([url]);
});

test.each([
  ['x-token-type', 'jsapi_ticket', 400],
  ['x-token-type', 'no_such_type', 400],
  ['x-token-subject', 'unknown', 404],
])('a call with the header %s: %s is answered with %i', async (name, value, status) => {
  await using world = await GatewayWorld.start();
  expect((await world.call('/cgi-bin/user/get', { headers: { [name]: value } })).status).toBe(status);
  expect(world.wechat.calls).toEqual([]);
});

test('a call may carry the token of a user that is stored', async () => {
  await using world = await GatewayWorld.start();
  await world.tokens.put(APPID, 'oauth2_access_token', { value: 'USER', expiresInSeconds: 7_200 }, { subject: 'o1' });
  const headers = { 'x-token-type': 'oauth2_access_token', 'x-token-subject': 'o1' };
  await world.call('/sns/userinfo?openid=o1', { headers });
  expect(world.wechat.calls.map(({ url }) => url)).toEqual(['/sns/userinfo?access_token=USER&openid=o1']);
});

/** Returns a store of a fleet, of which a process holds only what it has needed. */
function fleetStore(): FaultyStore {
  return new FaultyStore(new ClaimingStore(new MemoryStore()));
}

function failReads(method: string): void {
  if (method === 'get') throw new Error('the connection is lost');
}

test('the first call for an app carries the token in memory while the store fails', async () => {
  const store = fleetStore();
  await using world = await GatewayWorld.start({ store });
  const token = await world.tokens.get(APPID, 'access_token');
  store.before = failReads;
  expect((await world.call('/cgi-bin/user/get')).status).toBe(200);
  expect(world.wechat.calls.map(({ url }) => url)).toEqual([`/cgi-bin/user/get?access_token=${token}`]);
});

test('a call for an app of which nothing is in memory is answered with 503 while the store fails', async () => {
  const store = fleetStore();
  await using world = await GatewayWorld.start({ store });
  store.before = failReads;
  const headers = { authorization: `Bearer ${world.key}` };
  expect((await world.fetch('/proxy/wxunknown/cgi-bin/user/get', { headers })).status).toBe(503);
});

test("a user's token calls no path but those of users", async () => {
  await using world = await GatewayWorld.start();
  await world.tokens.put(APPID, 'oauth2_access_token', { value: 'USER', expiresInSeconds: 7_200 }, { subject: 'o1' });
  const headers = { 'x-token-type': 'oauth2_access_token', 'x-token-subject': 'o1' };
  expect((await world.call('/cgi-bin/user/get', { headers })).status).toBe(400);
  expect(world.wechat.calls).toEqual([]);
});

test.each(['wx%2F..%2Fapp', '%00', 'a'.repeat(65)])('a call for the appid %s is answered with 400', async (appid) => {
  await using world = await GatewayWorld.start();
  const headers = { authorization: `Bearer ${world.key}` };
  const answer = await world.fetch(`/proxy/${appid}/cgi-bin/user/get`, { headers });
  expect(answer.status).toBe(400);
});

test('a call without a token is reported with the code of the manager', async () => {
  const reports: CallReport[] = [];
  await using world = await GatewayWorld.start({ handler: { onCall: (report) => void reports.push(report) } });
  const headers = { authorization: `Bearer ${world.key}` };
  const answer = await world.fetch('/proxy/wxunknown/cgi-bin/user/get', { headers });
  expect(answer.status).toBe(404);
  expect(reports).toEqual([
    expect.objectContaining({ appid: 'wxunknown', path: '/cgi-bin/user/get', failure: 'no token: NOT_REGISTERED' }),
  ]);
});
