import { expect, test } from 'vitest';
import { ClaimingStore } from '../../../../support/stores/claiming-store.js';
import { FaultyStore } from '../../../../support/stores/shared-store.js';
import { COMPONENT, type SdkAnswer, SdkWorld, SECRET } from '../../../../support/worlds/sdk-world.js';
import { APPID } from '../../../../support/worlds/world.js';

const MERCHANT = 'wxmerchant000000001';
const COMPONENT_TOKEN = '/cgi-bin/component/api_component_token';
const AUTHORIZER_TOKEN = '/cgi-bin/component/api_authorizer_token';
const pair = { component_appid: COMPONENT, component_appsecret: SECRET, component_verify_ticket: 'theirs' };

async function componentToken(world: SdkWorld): Promise<unknown> {
  return (await world.server.ask(COMPONENT_TOKEN, pair))['component_access_token'];
}

test('a platform gets the token of the manager for its pair, whatever ticket it sends', async () => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  const answer = await world.server.ask(COMPONENT_TOKEN, pair);
  expect(answer).toEqual({
    component_access_token: await world.tokens.get(COMPONENT, 'component_access_token'),
    expires_in: 7_198,
  });
});

test.each([
  ['a wrong secret', { ...pair, component_appsecret: 'wrong' }, 40125],
  ['an unknown component', { ...pair, component_appid: 'wxunknown' }, 40013],
  ['no secret', { component_appid: COMPONENT }, 41004],
])('the path of component tokens refuses %s', async (_, body, errcode) => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  expect(await world.server.ask(COMPONENT_TOKEN, body)).toMatchObject({ errcode });
});

test('a body that is not JSON is refused with the code of WeChat', async () => {
  await using world = await SdkWorld.start();
  for (const path of [COMPONENT_TOKEN, AUTHORIZER_TOKEN]) {
    const answer = await world.server.fetch(path, { method: 'POST', body: 'a=b' });
    expect([answer.status, await answer.json()]).toMatchObject([200, { errcode: 47001 }]);
  }
});

test('a component without a ticket is answered -1, with the reason', async () => {
  await using world = await SdkWorld.start();
  await world.tokens.register({ appid: COMPONENT, secret: SECRET });
  const { errcode, errmsg } = await world.server.ask(COMPONENT_TOKEN, pair);
  expect([errcode, errmsg]).toEqual([-1, expect.stringContaining('INPUT_MISSING')]);
});

test("a registered authorizer's token comes from the manager, with its refresh token", async () => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  await world.registerAuthorizer(MERCHANT);
  const token = await componentToken(world);
  const body = { component_appid: COMPONENT, authorizer_appid: MERCHANT, authorizer_refresh_token: 'outdated' };
  const answer = await world.server.ask(`${AUTHORIZER_TOKEN}?component_access_token=${token}`, body);
  expect(answer).toEqual({
    authorizer_access_token: await world.tokens.get(COMPONENT, 'authorizer_access_token', { subject: MERCHANT }),
    expires_in: 7_198,
    authorizer_refresh_token: expect.not.stringMatching('outdated'),
  });
  expect(world.wechat.countCalls(AUTHORIZER_TOKEN)).toBe(1);
  const call = `/cgi-bin/getcallbackip?access_token=${answer['authorizer_access_token']}`;
  expect(await world.server.ask(call)).toHaveProperty('ip_list');
});

test('the grant of an authorizer that is not registered passes, and is stored', async () => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  const refreshToken = world.wechat.authorizeMerchant(COMPONENT, MERCHANT);
  const path = `${AUTHORIZER_TOKEN}?component_access_token=${await componentToken(world)}`;
  const body = { component_appid: COMPONENT, authorizer_appid: MERCHANT, authorizer_refresh_token: refreshToken };
  const first = await world.server.ask(path, body);
  expect(first).toHaveProperty('authorizer_access_token');
  expect(await world.server.ask(path, body)).toMatchObject({
    authorizer_access_token: first['authorizer_access_token'],
  });
  expect(world.wechat.countCalls(AUTHORIZER_TOKEN)).toBe(1);
  expect(await world.tokens.get(COMPONENT, 'authorizer_access_token', { subject: MERCHANT })).toBe(
    first['authorizer_access_token'],
  );
});

test('an authorizer that has authorized anew elsewhere is served by the refresh token that the caller presents', async () => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  await world.registerAuthorizer(MERCHANT);
  const path = `${AUTHORIZER_TOKEN}?component_access_token=${await componentToken(world)}`;
  const body = { component_appid: COMPONENT, authorizer_appid: MERCHANT };
  const call = ({ authorizer_access_token: token }: SdkAnswer) =>
    world.server.ask(`/cgi-bin/getcallbackip?access_token=${token}`);
  const before = await world.server.ask(path, { ...body, authorizer_refresh_token: 'x' });
  await world.clock.advance(60_000);
  const anew = { ...body, authorizer_refresh_token: world.wechat.authorizeMerchant(COMPONENT, MERCHANT) };
  expect(await call(before)).toMatchObject({ errcode: 40001 });
  const after = await world.server.ask(path, anew);
  expect(await call(after)).toHaveProperty('ip_list');
  expect(await world.server.ask(path, anew)).toMatchObject({
    authorizer_access_token: after['authorizer_access_token'],
    authorizer_refresh_token: anew.authorizer_refresh_token,
  });
  const other = await world.another();
  const options = { subject: MERCHANT };
  expect(await other.tokens.get(COMPONENT, 'authorizer_access_token', options)).toBe(after['authorizer_access_token']);
  await world.clock.advance(7_100_000);
  const refreshed = await world.server.ask(path, anew);
  expect(refreshed['authorizer_access_token']).not.toBe(after['authorizer_access_token']);
  expect(await call(refreshed)).toHaveProperty('ip_list');
});

test('an authorizer whose task has no refresh token is served by that of the caller', async () => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  const task = { type: 'authorizer_access_token', subject: MERCHANT } as const;
  await world.tokens.register({ appid: COMPONENT, tasks: [task] });
  const path = `${AUTHORIZER_TOKEN}?component_access_token=${await componentToken(world)}`;
  const body = { component_appid: COMPONENT, authorizer_appid: MERCHANT };
  const refreshToken = world.wechat.authorizeMerchant(COMPONENT, MERCHANT);
  const first = await world.server.ask(path, { ...body, authorizer_refresh_token: refreshToken });
  expect(first).toHaveProperty('authorizer_access_token');
  const calls = world.wechat.countCalls(AUTHORIZER_TOKEN);
  for (const authorizer_refresh_token of [refreshToken, 'outdated']) {
    expect(await world.server.ask(path, { ...body, authorizer_refresh_token })).toMatchObject({
      authorizer_access_token: first['authorizer_access_token'],
    });
  }
  expect(world.wechat.countCalls(AUTHORIZER_TOKEN)).toBe(calls);
});

test('while the store of a fleet fails, the tokens of known authorizers are answered, with and without a task', async () => {
  let fails = false;
  await using world = await SdkWorld.start({
    store: (store) => {
      const faulty = new FaultyStore(new ClaimingStore(store));
      faulty.before = () => {
        if (fails) throw new Error('away');
      };
      return faulty;
    },
  });
  await world.registerComponent();
  await world.registerAuthorizer(MERCHANT);
  const path = `${AUTHORIZER_TOKEN}?component_access_token=${await componentToken(world)}`;
  const withoutTask = 'wxmerchant000000002';
  const refreshToken = world.wechat.authorizeMerchant(COMPONENT, withoutTask);
  const ask = (authorizer_appid: string, authorizer_refresh_token: string) =>
    world.server.ask(path, { component_appid: COMPONENT, authorizer_appid, authorizer_refresh_token });
  const asked = () => Promise.all([ask(MERCHANT, 'other'), ask(withoutTask, refreshToken)]);
  const before = await asked();
  expect(before).toMatchObject([{ expires_in: 7_198 }, { expires_in: 7_200 }]);
  fails = true;
  expect(await asked()).toMatchObject(before.map(({ authorizer_access_token }) => ({ authorizer_access_token })));
});

test('a refusal of WeChat for an authorizer passes, and nothing is stored', async () => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  const path = `${AUTHORIZER_TOKEN}?component_access_token=${await componentToken(world)}`;
  const body = { component_appid: COMPONENT, authorizer_appid: MERCHANT, authorizer_refresh_token: 'wrong' };
  expect(await world.server.ask(path, body)).toMatchObject({ errcode: 61003 });
  expect(world.tokens.peek(COMPONENT, 'authorizer_access_token', { subject: MERCHANT })).toBeUndefined();
});

test.each(['\0', 'wx/1', '../x', 'x'.repeat(65)])(
  'an authorizer_appid that no authorizer can have reaches neither the store nor WeChat: %j',
  async (appid) => {
    await using world = await SdkWorld.start();
    await world.registerComponent();
    const path = `${AUTHORIZER_TOKEN}?component_access_token=${await componentToken(world)}`;
    const body = { component_appid: COMPONENT, authorizer_appid: appid, authorizer_refresh_token: 'x' };
    expect(await world.server.ask(path, body)).toMatchObject({ errcode: 40013 });
    expect(world.wechat.countCalls(AUTHORIZER_TOKEN)).toBe(0);
  },
);

test("an authorizer's token is handed out to the token of its own component alone", async () => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  await world.registerAuthorizer(MERCHANT);
  const body = { component_appid: COMPONENT, authorizer_appid: MERCHANT };
  const ofApp = await world.server.askToken();
  expect(await world.server.ask(`${AUTHORIZER_TOKEN}?component_access_token=${ofApp}`, body)).toMatchObject({
    errcode: 40001,
  });
  expect(await world.server.ask(`${AUTHORIZER_TOKEN}?component_access_token=x`, body)).toMatchObject({
    errcode: 40001,
  });
  expect(await world.server.ask(AUTHORIZER_TOKEN, body)).toMatchObject({ errcode: 41002 });
  const token = await componentToken(world);
  const path = `${AUTHORIZER_TOKEN}?component_access_token=${token}`;
  expect(await world.server.ask(path, { ...body, component_appid: APPID })).toMatchObject({ errcode: 40013 });
});

test.each([
  ['jsapi', 'jsapi_ticket'],
  ['wx_card', 'wx_card_ticket'],
] as const)('the ticket %s is that of the app or authorizer whose token is presented', async (type, name) => {
  await using world = await SdkWorld.start();
  await world.registerComponent();
  await world.registerAuthorizer(MERCHANT);
  const ofApp = await world.server.ask(
    `/cgi-bin/ticket/getticket?access_token=${await world.server.askToken()}&type=${type}`,
  );
  expect(ofApp).toEqual({ errcode: 0, errmsg: 'ok', ticket: await world.tokens.get(APPID, name), expires_in: 7_198 });
  const merchant = await world.tokens.get(COMPONENT, 'authorizer_access_token', { subject: MERCHANT });
  const ofMerchant = await world.server.ask(`/cgi-bin/ticket/getticket?access_token=${merchant}&type=${type}`);
  expect(ofMerchant['ticket']).toBe(await world.tokens.get(COMPONENT, name, { subject: MERCHANT }));
});

test('a ticket of another type is asked of WeChat', async () => {
  await using world = await SdkWorld.start();
  const path = `/cgi-bin/ticket/getticket?access_token=${await world.server.askToken()}&type=other`;
  expect(await world.server.ask(path)).toMatchObject({ errcode: 47001 });
  expect(world.wechat.countCalls('/cgi-bin/ticket/getticket')).toBe(1);
});
