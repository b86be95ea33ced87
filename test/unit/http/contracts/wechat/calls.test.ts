import { expect, test } from 'vitest';
import { FakeClock } from '../../../../../src/testing/index.js';
import { ClaimingStore } from '../../../../support/stores/claiming-store.js';
import { FaultyStore } from '../../../../support/stores/shared-store.js';
import { unwatched } from '../../../../support/stores/unwatched-store.js';
import { sendBytes } from '../../../../support/worlds/raw-bytes.js';
import { SdkWorld, SECRET, tokenPath } from '../../../../support/worlds/sdk-world.js';
import { APPID } from '../../../../support/worlds/world.js';

const BUSINESS = '/cgi-bin/getcallbackip';
const IPS = { ip_list: ['127.0.0.1'] };

test('an earlier token opens calls until its own end, and the current one takes its place on the way', async () => {
  await using world = await SdkWorld.start();
  const first = await world.server.askToken();
  await world.clock.advance(7_000_000);
  const second = await world.server.askToken();
  expect(second).not.toBe(first);
  world.wechat.expire(first);
  expect(await world.server.ask(`${BUSINESS}?access_token=${first}`)).toEqual(IPS);
  await world.clock.advance(200_000);
  expect(await world.server.ask(`${BUSINESS}?access_token=${first}`)).toMatchObject({ errcode: 40001 });
});

test('a token opens calls until its own end, although the clock is set forward by an hour', async () => {
  const clock = new FakeClock();
  await using world = await SdkWorld.start({ wechat: { clock } });
  const token = await world.server.askToken();
  world.clock.jump(3_600_000);
  for (const advanceMs of [3_000_000, 3_000_000, 1_190_000]) {
    await Promise.all([clock.advance(advanceMs), world.clock.advance(advanceMs)]);
    expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
  }
  await Promise.all([clock.advance(20_000), world.clock.advance(20_000)]);
  expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toMatchObject({ errcode: 40001 });
});

test('a token that was replaced by force opens nothing any more', async () => {
  await using world = await SdkWorld.start();
  const leaked = await world.server.askToken();
  await world.clock.advance(60_000);
  await world.tokens.refresh(APPID, 'access_token', { force: true });
  expect(await world.server.ask(`${BUSINESS}?access_token=${leaked}`)).toMatchObject({ errcode: 40001 });
  expect(await world.server.ask(`${BUSINESS}?access_token=${await world.server.askToken()}`)).toEqual(IPS);
});

test.each(['the same process', 'another process'])(
  'a token that was replaced by force opens nothing, although a report to %s got the new one',
  async (where) => {
    await using world = await SdkWorld.start();
    const leaked = await world.server.askToken();
    const other = await world.another();
    await other.askToken();
    await world.clock.advance(60_000);
    world.wechat.supersede(APPID);
    const reporter = where === 'another process' ? other : world.server;
    const [reported, forced] = await Promise.all([
      reporter.tokens.refresh(APPID, 'access_token', { stale: leaked }),
      world.tokens.refresh(APPID, 'access_token', { force: true }),
    ]);
    expect(forced).toBe(reported);
    expect(forced).not.toBe(leaked);
    await world.clock.advance(1_000);
    for (const server of [world.server, other, await world.another()]) {
      expect(await server.ask(`${BUSINESS}?access_token=${leaked}`)).toMatchObject({ errcode: 40001 });
      expect(await server.ask(`${BUSINESS}?access_token=${forced}`)).toEqual(IPS);
    }
  },
);

test.each([240_000, 3_600_000])(
  'a token that was replaced by force opens nothing, although a clock was set back by %i ms since it was obtained',
  async (ms) => {
    await using world = await SdkWorld.start();
    world.clock.jump(ms);
    const leaked = await world.server.askToken();
    world.clock.jump(-ms);
    await world.clock.advance(60_000);
    await world.tokens.refresh(APPID, 'access_token', { force: true });
    const other = await world.another();
    for (const advanceMs of [0, 300_000, 6_700_000]) {
      await world.clock.advance(advanceMs);
      await world.server.askToken();
      for (const server of [world.server, other]) {
        expect(await server.ask(`${BUSINESS}?access_token=${leaked}`)).toMatchObject({ errcode: 40001 });
      }
    }
    expect(await world.server.ask(`${BUSINESS}?access_token=${await world.server.askToken()}`)).toEqual(IPS);
  },
);

test('the token that a refresh by force has obtained opens calls until its own end, to every process', async () => {
  await using world = await SdkWorld.start();
  await world.server.askToken();
  await world.clock.advance(60_000);
  await world.tokens.refresh(APPID, 'access_token', { force: true });
  const forced = await world.server.askToken();
  await world.clock.advance(7_000_000);
  expect(await world.server.askToken()).not.toBe(forced);
  const other = await world.another();
  for (const server of [world.server, other])
    expect(await server.ask(`${BUSINESS}?access_token=${forced}`)).toEqual(IPS);
  await world.clock.advance(200_000);
  expect(await world.server.ask(`${BUSINESS}?access_token=${forced}`)).toMatchObject({ errcode: 40001 });
});

test('a token that is newer than what a process has heard of opens calls, also after a refresh by force', async () => {
  await using world = await SdkWorld.start({ store: unwatched });
  const other = await world.another();
  await other.askToken();
  await world.clock.advance(60_000);
  await world.tokens.refresh(APPID, 'access_token', { force: true });
  await world.clock.advance(60_000);
  const held = await other.askToken();
  await world.clock.advance(6_900_000);
  world.wechat.supersede(APPID);
  await world.tokens.refresh(APPID, 'access_token', { stale: await world.server.askToken() });
  const newest = await world.server.askToken();
  expect(newest).not.toBe(held);
  expect(await other.ask(`${BUSINESS}?access_token=${newest}`)).toEqual(IPS);
});

test('another process and a restarted one refuse a token that was replaced by force', async () => {
  await using world = await SdkWorld.start();
  const leaked = await world.server.askToken();
  await world.clock.advance(60_000);
  await world.tokens.refresh(APPID, 'access_token', { force: true });
  await world.clock.advance(7_000_000);
  const ordinary = await world.server.askToken();
  const other = await world.another();
  expect(await other.ask(`${BUSINESS}?access_token=${leaked}`)).toMatchObject({ errcode: 40001 });
  expect(await other.ask(`${BUSINESS}?access_token=${ordinary}`)).toEqual(IPS);
});

test('a process that has not heard of a refresh by force does not repeat the call of the leaked token', async () => {
  await using world = await SdkWorld.start({ store: unwatched });
  const leaked = await world.server.askToken();
  const other = await world.another();
  expect(await other.ask(`${BUSINESS}?access_token=${leaked}`)).toEqual(IPS);
  await world.clock.advance(60_000);
  const forced = await world.tokens.refresh(APPID, 'access_token', { force: true });
  world.wechat.expire(leaked);
  for (const errcode of [42001, 40001]) {
    expect(await other.ask(`${BUSINESS}?access_token=${leaked}`)).toMatchObject({ errcode });
  }
  expect(await other.ask(`${BUSINESS}?access_token=${forced}`)).toEqual(IPS);
});

test('another process knows the tokens that this one has handed out, current and earlier', async () => {
  await using world = await SdkWorld.start();
  const first = await world.server.askToken();
  await world.clock.advance(7_000_000);
  const second = await world.server.askToken();
  await world.server.close();
  const other = await world.another();
  expect(await other.ask(`${BUSINESS}?access_token=${first}`)).toEqual(IPS);
  expect(await other.ask(`${BUSINESS}?access_token=${second}`)).toEqual(IPS);
});

test.each([7_200_000, -7_200_000])(
  'a process whose clock is wrong by %i ms knows from its first call on the tokens that others have handed out',
  async (ms) => {
    await using world = await SdkWorld.start();
    const token = await world.server.askToken();
    const clock = new FakeClock({ now: world.clock.now() + ms });
    const other = await world.another({ clock });
    expect(await other.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
  },
);

test('a token that was handed out by another contract opens calls', async () => {
  await using world = await SdkWorld.start();
  const token = await world.tokens.get(APPID, 'access_token');
  expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
});

test.each([
  ['native', `/tokens/${APPID}/access_token`, 'value'],
  ['scheduler', `/task/${APPID}/access_token`, 'result'],
  ['wetoken', `/${APPID}/wechat/token/get`, 'access_token'],
] as const)('a token that %s has returned opens calls at every process of a fleet', async (contract, path, field) => {
  await using world = await SdkWorld.start({
    store: (store) => new ClaimingStore(store),
    handler: { contracts: ['wechat', contract], trust: ['127.0.0.1'] },
  });
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  const other = await world.another();
  await other.tokens.start();
  const ask = async (): Promise<string> => String((await world.server.ask(path))[field]);
  const first = await ask();
  expect(await other.ask(`${BUSINESS}?access_token=${first}`)).toEqual(IPS);
  await world.clock.advance(7_195_000);
  const second = await ask();
  expect(second).not.toBe(first);
  for (const server of [other, await world.another()]) {
    for (const token of [first, second]) {
      expect(await server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
    }
  }
});

test.each([
  ['was set back', undefined],
  ['has failed', 'value/'],
])('another process knows a token that this one has handed out when the store %s', async (_what, failing) => {
  let before: (id: string | undefined) => void = () => {};
  await using world = await SdkWorld.start({
    store: (store) => {
      const faulty = new FaultyStore(unwatched(store));
      faulty.before = (method, id) => {
        if (method === 'set') before(id);
      };
      return faulty;
    },
  });
  await world.tokens.get(APPID, 'access_token');
  before = (id) => {
    if (failing !== undefined && id?.startsWith(failing) === true) throw new Error('away');
  };
  const token = await world.server.askToken();
  before = () => {};
  await world.clock.advance(60_000);
  for (let slot = 0; slot < 1_024; slot++) {
    const [document] = await world.store.get([`value/${slot}`]);
    if (document !== undefined) await world.store.delete(document.id, document.version);
  }
  if (failing === undefined) expect(await world.server.askToken()).toBe(token);
  else expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
  await world.clock.advance(0);
  expect(await (await world.another()).ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
});

test('a token of another server is answered 40001 without asking WeChat', async () => {
  await using world = await SdkWorld.start();
  const calls = world.wechat.calls.length;
  for (const query of ['access_token=THEIRS', 'access_token=', 'Access%5FToken=x', 'authorizer_access_token=x']) {
    expect(await world.server.ask(`${BUSINESS}?${query}`)).toMatchObject({ errcode: 40001 });
  }
  expect(world.wechat.calls.length).toBe(calls);
});

test('two tokens of one key pass as one, and those of two apps are refused', async () => {
  await using world = await SdkWorld.start({
    wechat: { apps: { [APPID]: { secret: SECRET }, wxother: { secret: SECRET } } },
  });
  await world.tokens.register({ appid: 'wxother', secret: SECRET });
  const [own, others] = [await world.server.askToken(), await world.server.askToken('wxother')];
  expect(await world.server.ask(`${BUSINESS}?access_token=${own}&a=1&Access_Token=${own}`)).toEqual(IPS);
  expect(await world.server.ask(`${BUSINESS}?access_token=${own}&access_token=${others}`)).toMatchObject({
    errcode: 40001,
  });
});

test('a token of an app that is not registered any more opens nothing', async () => {
  await using world = await SdkWorld.start();
  const token = await world.server.askToken();
  await world.tokens.unregister(APPID);
  expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toMatchObject({ errcode: 40001 });
});

test('a token of an earlier registration of the app opens nothing, in no process', async () => {
  await using world = await SdkWorld.start();
  const leaked = await world.server.askToken();
  await world.clock.advance(60_000);
  await world.tokens.refresh(APPID, 'access_token', { force: true });
  await world.tokens.unregister(APPID);
  await world.tokens.register({ appid: APPID, secret: SECRET });
  const token = await world.server.askToken();
  for (const server of [world.server, await world.another()]) {
    expect(await server.ask(`${BUSINESS}?access_token=${leaked}`)).toMatchObject({ errcode: 40001 });
    expect(await server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
  }
});

test('a token that WeChat has ended is replaced, and the call succeeds', async () => {
  await using world = await SdkWorld.start();
  const token = await world.server.askToken();
  await world.clock.advance(60_000);
  world.wechat.supersede(APPID);
  expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
  expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
});

test.each([
  '/CGI-BIN/token',
  '/cgi-bin/Token',
  '/cgi-bin/Stable_Token',
  '/cgi-bin/token/x',
  '/cgi-bin/ticket/GetTicket',
  '/cgi-bin/component/API_component_token',
  '/cgi-bin/component/api_authorizer_Token',
])('another spelling of a path that the server answers is refused: %s', async (path) => {
  await using world = await SdkWorld.start();
  const token = await world.server.askToken();
  const calls = world.wechat.calls.length;
  for (const query of [`access_token=${token}`, `appid=${APPID}&secret=${SECRET}&grant_type=client_credential`]) {
    expect(await world.server.ask(`${path}?${query}`)).toMatchObject({ errcode: 40066 });
  }
  expect(world.wechat.calls.length).toBe(calls);
});

test.each([
  '//cgi-bin/getcallbackip',
  '/cgi-bin/get%63allbackip',
  '/cgi-bin/getcallbackip/',
  '/cgi-bin\\token',
  '/@x/y',
])('a path that is not canonical is refused, and only if it carries a credential: %s', async (path) => {
  await using world = await SdkWorld.start();
  const token = await world.server.askToken();
  const { status, errcode } = await raw(world, `${path}?access_token=${token}`);
  expect([status, errcode]).toEqual([200, 40066]);
  expect((await raw(world, path)).status).toBe(404);
});

test('a request without a credential is not for the server, whatever its method', async () => {
  await using world = await SdkWorld.start();
  for (const method of ['GET', 'POST', 'PUT', 'OPTIONS']) {
    expect((await world.server.fetch('/cgi-bin/user/get?openid=o1', { method })).status).toBe(404);
  }
});

test('a request with more than 256 parameters, which take long to decode, is not for the server', async () => {
  await using world = await SdkWorld.start();
  const token = await world.server.askToken();
  const path = (count: number): string => `${BUSINESS}?access_token=${token}${'&%'.repeat(count)}`;
  expect(await world.server.ask(path(255))).toEqual(IPS);
  expect((await world.server.fetch(path(256))).status).toBe(404);
  expect(await world.server.ask(`/cgi-bin/ticket/getticket?${'%&'.repeat(256)}`)).toMatchObject({ errcode: 47001 });
});

test('a call by pair passes unchanged, and a wrong pair does not reach WeChat', async () => {
  await using world = await SdkWorld.start();
  const code = world.wechat.createCode(APPID, 'o1');
  const query = (secret: string) => `appid=${APPID}&secret=${secret}&js_code=${code}&grant_type=authorization_code`;
  expect(await world.server.ask(`/sns/jscode2session?${query('wrong')}`)).toMatchObject({ errcode: 40125 });
  expect(world.wechat.countCalls('/sns/jscode2session')).toBe(0);
  expect(await world.server.ask(`/sns/jscode2session?${query(SECRET)}`)).toHaveProperty('session_key');
});

test.each(['appid', 'AppId', 'appid%00', 'appid[]', 'app%09id', '+appid'])(
  'a call that names an appid once more as %s is refused',
  async (name) => {
    await using world = await SdkWorld.start();
    for (const query of [
      `jscode2session?appid=${APPID}&${name}=wxother&secret=${SECRET}`,
      `oauth2/refresh_token?${name}=wxother&appid=${APPID}&refresh_token=x`,
    ]) {
      expect(await world.server.ask(`/sns/${query}`)).toMatchObject({ errcode: 40066 });
    }
    expect(world.wechat.calls).toEqual([]);
  },
);

test("a user's token opens the calls of the user, unchanged, and no others", async () => {
  await using world = await SdkWorld.start();
  const code = world.wechat.createCode(APPID, 'o1');
  const login = await world.server.ask(
    `/sns/oauth2/access_token?appid=${APPID}&secret=${SECRET}&code=${code}&grant_type=authorization_code`,
  );
  const token = login['access_token'];
  const other = await world.another();
  for (const server of [world.server, other]) {
    expect(await server.ask(`/sns/auth?access_token=${token}&openid=o1`)).toEqual({ errcode: 0, errmsg: 'ok' });
    expect(await server.ask(`${BUSINESS}?access_token=${token}`)).toMatchObject({ errcode: 40001 });
  }
  const renewal = `/sns/oauth2/refresh_token?appid=${APPID}&grant_type=refresh_token&refresh_token=${login['refresh_token']}`;
  const renewed = await world.server.ask(renewal);
  expect(await other.ask(`/sns/auth?access_token=${renewed['access_token']}&openid=o1`)).toMatchObject({ errcode: 0 });
});

test("an app's token does not open the calls of users, and is not reported as stale for that", async () => {
  await using world = await SdkWorld.start();
  const token = await world.server.askToken();
  await world.clock.advance(60_000);
  const calls = world.wechat.calls.length;
  for (const path of ['/sns/auth', '/SNS/userinfo']) {
    expect(await world.server.ask(`${path}?access_token=${token}&openid=o1`)).toMatchObject({ errcode: 40001 });
  }
  expect(world.wechat.calls.length).toBe(calls);
});

test("a user's token is renewed for registered apps alone, twenty times a second", async () => {
  await using world = await SdkWorld.start();
  const path = (appid: string) => `/sns/oauth2/refresh_token?appid=${appid}&grant_type=refresh_token&refresh_token=x`;
  expect(await world.server.ask(path('wxunknown'))).toMatchObject({ errcode: 40013 });
  const answers = await Promise.all(Array.from({ length: 21 }, () => world.server.ask(path(APPID))));
  const codes = answers.map(({ errcode }) => errcode);
  expect(codes.filter((errcode) => errcode === 40030)).toHaveLength(20);
  expect(codes.filter((errcode) => errcode === 45011)).toHaveLength(1);
});

test("a process that has just started renews users' tokens of any number of registered apps, whatever apps another sender invents", async () => {
  const registered = Array.from({ length: 30 }, (_, index) => `wxapp${index}`);
  const apps = Object.fromEntries([APPID, ...registered].map((appid) => [appid, { secret: SECRET }]));
  await using world = await SdkWorld.start({ wechat: { apps }, store: (store) => new ClaimingStore(store) });
  for (const appid of registered) await world.tokens.register({ appid, secret: SECRET });
  const other = await world.another();
  const renew = async (appid: string, sender: string): Promise<unknown> => {
    const path = `/sns/oauth2/refresh_token?appid=${appid}&grant_type=refresh_token&refresh_token=x`;
    const answer = await other.fetch(path, { headers: { 'x-forwarded-for': sender } });
    return ((await answer.json()) as { errcode: number }).errcode;
  };
  const invented: unknown[] = [];
  for (let count = 0; count < 30; count++) invented.push(await renew(`wxinvented${count}`, '198.51.100.9'));
  expect(invented.filter((errcode) => errcode === 40013)).toHaveLength(10);
  const answers = new Set<unknown>();
  for (const appid of registered) answers.add(await renew(appid, '203.0.113.7'));
  expect([...answers]).toEqual([40030]);
});

test('renewals, which need no secret, use up none of the calls that the app may make in a second', async () => {
  await using world = await SdkWorld.start({ handler: { callsPerSecondOfApp: 5 } });
  const token = await world.server.askToken();
  const path = `/sns/oauth2/refresh_token?appid=${APPID}&grant_type=refresh_token&refresh_token=x`;
  for (const errcode of [40030, 40030, 40030, 40030, 40030, 45011]) {
    expect(await world.server.ask(path)).toMatchObject({ errcode });
  }
  expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
});

test('a renewal with a body is refused, since a slow one would keep a call of the app in progress', async () => {
  await using world = await SdkWorld.start();
  const path = `/sns/oauth2/refresh_token?appid=${APPID}&grant_type=refresh_token&refresh_token=x`;
  expect(await world.server.ask(path, {})).toMatchObject({ errcode: 47001 });
  expect(await (await world.server.fetch(path, { method: 'POST' })).json()).toMatchObject({ errcode: 40030 });
  expect(world.wechat.countCalls('/sns/oauth2/refresh_token')).toBe(1);
});

test.each(['%00', 'wx%2F..', '%FF', 'x'.repeat(65)])(
  'the store is not asked for an appid that no app can have: %s',
  async (appid) => {
    const ids: string[] = [];
    await using world = await SdkWorld.start({
      store: (store) => {
        const watched = new FaultyStore(new ClaimingStore(store));
        watched.before = (method, id) => {
          if (method === 'get') ids.push(String(id));
        };
        return watched;
      },
    });
    await world.server.askToken();
    ids.length = 0;
    const path = `/sns/oauth2/refresh_token?grant_type=refresh_token&refresh_token=x&appid=`;
    expect(await world.server.ask(path + appid)).toMatchObject({ errcode: 40013 });
    expect(ids).toEqual([]);
    expect(await world.server.ask(`${path}wxunknown`)).toMatchObject({ errcode: 40013 });
    expect(ids).toEqual(['app/wxunknown']);
  },
);

test("a token does not let its holder use another app's pair, or renew the tokens of its users without limits", async () => {
  const apps = { [APPID]: { secret: SECRET }, wxother: { secret: 'other' }, wxthird: { secret: SECRET } };
  await using world = await SdkWorld.start({ wechat: { apps } });
  await world.tokens.register({ appid: 'wxthird', secret: SECRET });
  const token = await world.server.askToken();
  const calls = world.wechat.calls.length;
  const code = `js_code=x&grant_type=authorization_code&access_token=${token}`;
  for (const pair of ['appid=wxother&secret=other', `appid=${APPID}&secret=wrong`, `appid=wxthird&secret=${SECRET}`]) {
    const answer = await world.server.ask(`/sns/jscode2session?${pair}&${code}`);
    expect([40013, 40125]).toContain(answer['errcode']);
  }
  const renewal = `/sns/oauth2/refresh_token?grant_type=refresh_token&refresh_token=x&access_token=${token}`;
  expect(await world.server.ask(`${renewal}&appid=wxother`)).toMatchObject({ errcode: 40013 });
  expect(await world.server.ask(`${renewal}&appid=wxthird`)).toMatchObject({ errcode: 40013 });
  expect(world.wechat.calls.length).toBe(calls);
  expect(await world.server.ask(`/sns/jscode2session?appid=${APPID}&secret=${SECRET}&${code}`)).toMatchObject({
    errcode: 40029,
  });
});

test('while the store fails, unknown tokens are answered -1, so that SDKs keep theirs, and known ones still open calls', async () => {
  let fails = false;
  await using world = await SdkWorld.start({
    store: (store) => {
      const faulty = new FaultyStore(store);
      faulty.before = (method) => {
        if (fails && method === 'get') throw new Error('the connection is lost');
      };
      return faulty;
    },
  });
  const token = await world.server.askToken();
  fails = true;
  expect(await world.server.ask(`${BUSINESS}?access_token=THEIRS`)).toMatchObject({ errcode: -1 });
  expect(await world.server.ask(`${BUSINESS}?access_token=${token}`)).toEqual(IPS);
  expect(await world.server.ask(tokenPath())).toHaveProperty('access_token', token);
});

/** Sends a request line as it is. */
async function raw(world: SdkWorld, target: string): Promise<{ status: number; errcode: number | undefined }> {
  const { port } = new URL(world.server.origin);
  const text = await sendBytes(
    Number(port),
    `GET ${target} HTTP/1.1\r\nHost: tokens.test\r\nConnection: close\r\n\r\n`,
  );
  const errcode = /"errcode":(-?\d+)/.exec(text)?.[1];
  return { status: Number(text.split(' ')[1]), errcode: errcode === undefined ? undefined : Number(errcode) };
}
