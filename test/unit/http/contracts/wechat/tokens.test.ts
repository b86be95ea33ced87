import { expect, test } from 'vitest';
import { FakeClock } from '../../../../../src/testing/index.js';
import { ClaimingStore } from '../../../../support/stores/claiming-store.js';
import { SdkWorld, SECRET, tokenPath } from '../../../../support/worlds/sdk-world.js';
import { APPID } from '../../../../support/worlds/world.js';

const BUSINESS = '/cgi-bin/getcallbackip';

test('an SDK gets the token of the manager for its pair, and calls WeChat with it', async () => {
  await using world = await SdkWorld.start();
  const answer = await world.server.ask(tokenPath());
  expect(answer).toEqual({ access_token: await world.tokens.get(APPID, 'access_token'), expires_in: 7_198 });
  expect(await world.server.ask(`${BUSINESS}?access_token=${answer['access_token']}`)).toEqual({
    ip_list: ['127.0.0.1'],
  });
  expect(world.wechat.countCalls('/cgi-bin/stable_token')).toBe(1);
});

test('an app that an SDK asked one process of a fleet for, before another one registered it, is known there at once', async () => {
  await using world = await SdkWorld.start({ store: (store) => new ClaimingStore(store), isRegistered: false });
  const other = await world.another();
  expect(await other.ask(tokenPath())).toMatchObject({ errcode: 40013 });
  await world.tokens.register({ appid: APPID, secret: SECRET });
  await world.clock.advance(1_000);
  expect(await other.askToken()).toBe(await world.tokens.get(APPID, 'access_token'));
});

test.each([
  ['JSON', JSON.stringify({ grant_type: 'client_credential', appid: APPID, secret: SECRET }), 'application/json'],
  ['a form', `grant_type=client_credential&appid=${APPID}&secret=${SECRET}`, 'application/x-www-form-urlencoded'],
])('stable_token takes its fields from %s', async (_, body, type) => {
  await using world = await SdkWorld.start();
  const answer = await world.server.fetch('/cgi-bin/stable_token', {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  });
  expect(await answer.json()).toMatchObject({ access_token: expect.any(String), expires_in: 7_198 });
});

test('stable_token takes its fields from the query', async () => {
  await using world = await SdkWorld.start();
  const path = `/cgi-bin/stable_token?grant_type=client_credential&appid=${APPID}&secret=${SECRET}`;
  expect(await (await world.server.fetch(path, { method: 'POST' })).json()).toMatchObject({ expires_in: 7_198 });
});

test.each([
  ['a wrong secret', tokenPath(APPID, 'wrong'), 40125],
  ['an unknown app', tokenPath('wxunknown', SECRET), 40013],
  ['an appid that none can have', tokenPath('%00', SECRET), 40013],
  ['no appid', `/cgi-bin/token?grant_type=client_credential&secret=${SECRET}`, 41002],
  ['no secret', `/cgi-bin/token?grant_type=client_credential&appid=${APPID}`, 41004],
  ['another grant_type', `/cgi-bin/token?grant_type=password&appid=${APPID}&secret=${SECRET}`, 40002],
])('the token path refuses %s with the code of WeChat', async (_, path, errcode) => {
  await using world = await SdkWorld.start();
  const answer = await world.server.fetch(path);
  expect([answer.status, await answer.json()]).toMatchObject([200, { errcode }]);
  expect(world.wechat.calls).toEqual([]);
});

test('guesses of secrets are limited, and the right pair still gets the token', async () => {
  await using world = await SdkWorld.start();
  const codes: unknown[] = [];
  for (let guess = 0; guess < 21; guess++) {
    codes.push((await world.server.ask(tokenPath(APPID, `wrong-${guess}`)))['errcode']);
  }
  expect(new Set(codes.slice(0, 20))).toEqual(new Set([40125]));
  expect(codes[20]).toBe(45011);
  expect(await world.server.ask(tokenPath())).toHaveProperty('access_token');
});

test('a failure to get a token is answered -1 with the code of the manager, at status 200', async () => {
  await using world = await SdkWorld.start();
  world.wechat.fail('/cgi-bin/stable_token', { errcode: 40164, errmsg: 'invalid ip 203.0.113.9' });
  const answer = await world.server.fetch(tokenPath());
  const { errcode, errmsg } = (await answer.json()) as { errcode: number; errmsg: string };
  expect([answer.status, errcode]).toEqual([200, -1]);
  expect(errmsg).toMatch(/^UPSTREAM_REJECTED: .*203\.0\.113\.9/);
});

test('force_refresh replaces the token within the limits of force, and answers the current one beyond them', async () => {
  await using world = await SdkWorld.start();
  const force = () =>
    world.server.ask('/cgi-bin/stable_token', {
      grant_type: 'client_credential',
      appid: APPID,
      secret: SECRET,
      force_refresh: true,
    });
  const first = await world.server.askToken();
  await world.clock.advance(60_000);
  const second = (await force())['access_token'];
  expect(second).not.toBe(first);
  for (let repeat = 0; repeat < 30; repeat++) expect(await force()).toHaveProperty('access_token');
});

test.each([
  ['stable', 7_200, 300],
  ['plain', 7_200, 1_800],
] as const)('a %s token is handed out until it has too little life for SDKs', async (accessToken, life, leastLeft) => {
  await using world = await SdkWorld.start({ isRegistered: false });
  await world.tokens.register({ appid: APPID, secret: SECRET, accessToken });
  const first = await world.server.askToken();
  await world.clock.advance((life - leastLeft - 1) * 1_000);
  const before = await world.server.ask(tokenPath());
  expect(before).toEqual({ access_token: first, expires_in: leastLeft - 1 });
  await world.clock.advance(1_001);
  const after = await world.server.ask(tokenPath());
  expect(after['access_token']).not.toBe(first);
  expect(after['expires_in']).toBeGreaterThan(leastLeft - 2);
});

test('expires_in of tokens and tickets is the life that is left, although the clock was set back', async () => {
  const clock = new FakeClock();
  await using world = await SdkWorld.start({ wechat: { clock } });
  const token = await world.server.askToken();
  const ticketPath = `/cgi-bin/ticket/getticket?access_token=${token}&type=jsapi`;
  await world.server.ask(ticketPath);
  await Promise.all([clock.advance(3_000_000), world.clock.advance(3_000_000)]);
  world.clock.jump(-1_000_000);
  expect(await world.server.ask(tokenPath())).toMatchObject({ access_token: token, expires_in: 4_198 });
  expect(await world.server.ask(ticketPath)).toMatchObject({ expires_in: 4_198 });
});

test('a token that cannot be replaced is handed out until its end, with at least a second', async () => {
  await using world = await SdkWorld.start();
  const first = await world.server.askToken();
  world.wechat.outage(true);
  await world.clock.advance(7_199_900);
  expect(await world.server.ask(tokenPath())).toEqual({ access_token: first, expires_in: 1 });
});

test('HEAD, PUT and OPTIONS get 405, and GET of stable_token as well', async () => {
  await using world = await SdkWorld.start();
  const statuses = await Promise.all([
    world.server.fetch(tokenPath(), { method: 'HEAD' }),
    world.server.fetch(tokenPath(), { method: 'PUT' }),
    world.server.fetch(tokenPath(), { method: 'OPTIONS' }),
    world.server.fetch('/cgi-bin/stable_token'),
  ]);
  expect(statuses.map(({ status }) => status)).toEqual([405, 405, 405, 405]);
});
