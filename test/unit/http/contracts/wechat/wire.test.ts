import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { FakeClock } from '../../../../../src/testing/index.js';
import { GatewayWorld } from '../../../../support/worlds/gateway-world.js';
import { COMPONENT } from '../../../../support/worlds/sdk-world.js';
import { APPID } from '../../../../support/worlds/world.js';

const started = (): Promise<GatewayWorld> => GatewayWorld.start({ handler: { contracts: ['wechat'] } });

/** Starts a server with a platform whose token is `COMPONENT-1`. */
async function startedWithComponent(): Promise<GatewayWorld> {
  const world = await started();
  await world.tokens.register({ appid: COMPONENT, secret: 'secret-of-the-component' });
  await world.tokens.put(COMPONENT, 'component_access_token', { value: 'COMPONENT-1', expiresInSeconds: 7_200 });
  return world;
}

test('the token keeps the name that the caller gave it, once, and other parameters stay byte for byte', async () => {
  await using world = await started();
  await world.tokens.get(APPID, 'access_token');
  await world.fetch('/cgi-bin/user/info?openid=%6F1&Access%5FToken=TOKEN-1&access_token=TOKEN-1&lang=a+b');
  await world.fetch('/cgi-bin/user/info?x=1&authorizer_access_token=TOKEN-1');
  expect(world.wechat.calls.map(({ url }) => url)).toEqual([
    '/cgi-bin/user/info?access_token=TOKEN-1&openid=%6F1&lang=a+b',
    '/cgi-bin/user/info?authorizer_access_token=TOKEN-1&x=1',
  ]);
});

test("no cookie, key or forwarded address of a caller reaches WeChat, and none of WeChat's cookies the caller", async () => {
  await using world = await started();
  const token = await world.tokens.get(APPID, 'access_token');
  world.wechat.answering = (_request, response) => response.setHeader('set-cookie', 'a=b').end('{"errcode":0}');
  const answer = await world.fetch(`/cgi-bin/user/get?access_token=${token}`, {
    headers: { cookie: 'a=b', authorization: 'Bearer theirs', 'x-forwarded-for': '10.0.0.1' },
  });
  const [call] = world.wechat.calls;
  expect(Object.keys(call?.headers ?? {})).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/cookie|authorization|forwarded/)]),
  );
  expect(answer.headers.get('set-cookie')).toBeNull();
  expect(answer.headers.get('cache-control')).toBe('no-store');
});

test('the signatures of encrypted calls and answers pass, in the names that SDKs look for', async () => {
  await using world = await started();
  const token = await world.tokens.get(APPID, 'access_token');
  const sent = {
    'Wechatmp-Appid': APPID,
    'Wechatmp-TimeStamp': '1',
    'Wechatmp-Serial': 'sn',
    'Wechatmp-Signature': 'a+/=',
  };
  const answered = { ...sent, 'Wechatmp-Serial-Deprecated': 'old', 'Wechatmp-Signature-Deprecated': 'b+/=' };
  world.wechat.answering = (_request, response) => response.writeHead(200, answered).end('{"iv":"1"}');
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = await world.send(
    `POST /wxa/getuserriskrank?access_token=${token} HTTP/1.1\r\nHost: t\r\n${lines.join('')}Content-Length: 2\r\nConnection: close\r\n\r\n{}`,
  );
  expect(world.wechat.calls[0]?.headers).toMatchObject(
    Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.toLowerCase(), value])),
  );
  for (const [name, value] of Object.entries(answered)) expect(answer).toContain(`\r\n${name}: ${value}\r\n`);
});

test('a failed call is -1 at status 200, so that no SDK puts the URL with its token into an error', async () => {
  await using world = await started();
  const token = await world.tokens.get(APPID, 'access_token');
  world.wechat.onRequest = (request) => request.socket.destroy();
  const broken = await world.fetch(`/cgi-bin/user/get?access_token=${token}`);
  world.wechat.onRequest = (_request, response) =>
    response.writeHead(302, { location: `/x?access_token=${token}` }).end();
  const redirected = await world.fetch(`/cgi-bin/user/get?access_token=${token}`, { redirect: 'manual' });
  for (const answer of [broken, redirected]) {
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ errcode: -1 });
    expect(text).not.toContain(token);
  }
});

test('media passes in both directions', async () => {
  await using world = await started();
  const token = await world.tokens.get(APPID, 'access_token');
  const media = Buffer.alloc(3_000_000, 'm');
  world.wechat.answering = ({ body }, response) => response.end(body.length === media.length ? media : 'wrong');
  const answer = await world.fetch(`/cgi-bin/media/upload?access_token=${token}&type=image`, {
    method: 'POST',
    body: media,
  });
  expect(Buffer.from(await answer.arrayBuffer()).equals(media)).toBe(true);
});

test.each([
  ['plain', (text: string) => ({ body: Buffer.from(text), headers: {} })],
  ['compressed', (text: string) => ({ body: gzipSync(text), headers: { 'content-encoding': 'gzip' } })],
])("the token in a %s answer to an authorization code opens the merchant's calls", async (_, encoded) => {
  await using world = await startedWithComponent();
  const info = {
    authorizer_appid: 'wxmerchant',
    authorizer_access_token: 'MERCHANT-1',
    expires_in: 7200,
    authorizer_refresh_token: 'refresh-1',
  };
  world.wechat.answering = ({ url }, response) => {
    const isExchange = url.includes('api_query_auth');
    const { body, headers } = encoded(JSON.stringify(isExchange ? { authorization_info: info } : { errcode: 0 }));
    response.writeHead(200, { ...headers }).end(body);
  };
  const answer = await world.fetch('/cgi-bin/component/api_query_auth?component_access_token=COMPONENT-1', {
    method: 'POST',
    body: JSON.stringify({ component_appid: COMPONENT, authorization_code: 'code' }),
  });
  expect(await answer.json()).toEqual({ authorization_info: info });
  expect(await world.tokens.get(COMPONENT, 'authorizer_access_token', { subject: 'wxmerchant' })).toBe('MERCHANT-1');
  await world.fetch('/cgi-bin/user/get?access_token=MERCHANT-1');
  expect(world.wechat.calls.map(({ url }) => url)).toEqual([
    '/cgi-bin/component/api_query_auth?component_access_token=COMPONENT-1',
    '/cgi-bin/user/get?access_token=MERCHANT-1',
  ]);
});

test.each([
  [
    'api_query_auth',
    { component_appid: COMPONENT, authorization_code: 'code' },
    {
      authorization_info: {
        authorizer_appid: 'wxmerchant',
        authorizer_access_token: 'MERCHANT-1',
        expires_in: 7200,
        authorizer_refresh_token: 'refresh-1',
      },
    },
  ],
  [
    'api_authorizer_token',
    { component_appid: COMPONENT, authorizer_appid: 'wxmerchant', authorizer_refresh_token: 'refresh-0' },
    { authorizer_access_token: 'MERCHANT-1', expires_in: 7200, authorizer_refresh_token: 'refresh-1' },
  ],
])('the grant in an answer of %s is stored although its caller has gone', async (name, body, given) => {
  await using world = await startedWithComponent();
  const caller = new AbortController();
  world.wechat.answering = (_request, response) => {
    caller.abort();
    response.end(JSON.stringify(given));
  };
  await world.fetchHandler(
    new Request(`http://localhost/cgi-bin/component/${name}?component_access_token=COMPONENT-1`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: caller.signal,
    }),
  );
  expect(await world.tokens.get(COMPONENT, 'authorizer_access_token', { subject: 'wxmerchant' })).toBe('MERCHANT-1');
});

test('WeChat gets the body of api_authorizer_token with each member once, as this server has read it', async () => {
  await using world = await startedWithComponent();
  await world.fetch('/cgi-bin/component/api_authorizer_token?component_access_token=COMPONENT-1', {
    method: 'POST',
    body: `{"authorizer_appid":"wxone","component_appid":"${COMPONENT}","authorizer_appid":"wxtwo","authorizer_refresh_token":"r"}`,
  });
  const [call] = world.wechat.calls;
  expect(JSON.parse(String(call?.body))).toEqual({
    component_appid: COMPONENT,
    authorizer_appid: 'wxtwo',
    authorizer_refresh_token: 'r',
  });
  expect(String(call?.body)).not.toContain('wxone');
});

test("the token of a merchant's user, got by its platform, opens the calls of the user", async () => {
  await using world = await startedWithComponent();
  const login = { access_token: 'USER-1', expires_in: 7_200, refresh_token: 'r', openid: 'o1', scope: 'snsapi_base' };
  world.wechat.answering = ({ url }, response) =>
    response.end(JSON.stringify(url.includes('/component/') ? login : { errcode: 0 }));
  const platform = `component_appid=${COMPONENT}&component_access_token=COMPONENT-1`;
  await world.fetch(`/sns/oauth2/component/access_token?appid=wxmerchant&code=x&${platform}`);
  const answer = await world.fetch('/sns/auth?access_token=USER-1&openid=o1');
  expect(await answer.json()).toEqual({ errcode: 0 });
});

test("a user's token that WeChat prolongs at its renewal opens calls until its new end", async () => {
  const clock = new FakeClock();
  await using world = await GatewayWorld.start({ clock, handler: { contracts: ['wechat'] } });
  const login = { access_token: 'USER-1', expires_in: 7_200, refresh_token: 'r', openid: 'o1' };
  world.wechat.answering = ({ url }, response) =>
    response.end(JSON.stringify(url.includes('refresh_token') ? login : { errcode: 0 }));
  const renew = () => world.fetch(`/sns/oauth2/refresh_token?appid=${APPID}&grant_type=refresh_token&refresh_token=r`);
  await renew();
  await clock.advance(7_000_000);
  await renew();
  await clock.advance(7_000_000);
  const call = async () => (await world.fetch('/sns/auth?access_token=USER-1&openid=o1')).json();
  expect(await call()).toEqual({ errcode: 0 });
  await clock.advance(300_000);
  expect(await call()).toMatchObject({ errcode: 40001 });
});

test("a merchant whose calls stay refused keeps no other merchant's stale token from being replaced", async () => {
  await using world = await startedWithComponent();
  for (const subject of ['wxone', 'wxtwo']) {
    const grant = { value: `${subject}-1`, expiresInSeconds: 7_200, refreshToken: 'r' };
    await world.tokens.put(COMPONENT, 'authorizer_access_token', grant, { subject });
  }
  world.wechat.answering = ({ url, body }, response) => {
    if (!url.includes('api_authorizer_token')) {
      response.end(url.includes('=wxtwo-2') ? '{"errcode":0}' : '{"errcode":40001}');
      return;
    }
    const { authorizer_appid: appid } = JSON.parse(body) as { authorizer_appid: string };
    const grant = { authorizer_access_token: `${appid}-2`, expires_in: 7_200, authorizer_refresh_token: 'r' };
    response.end(JSON.stringify(grant));
  };
  const call = async (token: string) => (await world.fetch(`/cgi-bin/user/get?access_token=${token}`)).json();
  expect(await call('wxone-1')).toEqual({ errcode: 40001 });
  expect(await call('wxtwo-1')).toEqual({ errcode: 0 });
});

test('256 calls that hang delay no refresh', async () => {
  await using world = await started();
  const apps = Array.from({ length: 4 }, (_, index) => `wxapp${index}`);
  let arrived = 0;
  const all = new Promise<void>((resolve) => {
    world.wechat.onRequest = () => {
      arrived += 1;
      if (arrived === 256) resolve();
    };
  });
  const hanging: Promise<unknown>[] = [];
  for (const appid of apps) {
    await world.tokens.register({ appid, secret: 'secret-of-the-app' });
    const token = await world.tokens.get(appid, 'access_token');
    for (let call = 0; call < 64; call++) hanging.push(world.fetch(`/cgi-bin/user/get?access_token=${token}`));
  }
  for (const call of hanging) call.catch(() => {});
  await all;
  const before = world.wechat.issued;
  await Promise.all(apps.map((appid) => world.tokens.refresh(appid, 'access_token', { force: true })));
  expect(world.wechat.issued).toBe(before + 4);
});
