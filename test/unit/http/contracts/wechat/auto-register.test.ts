import { expect, test } from 'vitest';
import { createApiKey } from '../../../../../src/http/index.js';
import {
  type SdkAnswer,
  SdkWorld,
  type SdkWorldOptions,
  SECRET,
  tokenPath,
} from '../../../../support/worlds/sdk-world.js';
import { APPID } from '../../../../support/worlds/world.js';

const { key, entry } = createApiKey({ scopes: ['register'] });
const reader = createApiKey({ scopes: ['read'] });
const STABLE = '/cgi-bin/stable_token';

function start(options: SdkWorldOptions = {}): Promise<SdkWorld> {
  const handler = { keys: [entry, reader.entry], autoRegister: true };
  return SdkWorld.start({ isRegistered: false, ...options, handler: { ...handler, ...options.handler } });
}

async function ask(world: SdkWorld, path: string, given = key): Promise<SdkAnswer> {
  const answer = await world.server.fetch(path, { headers: { authorization: `Bearer ${given}` } });
  return (await answer.json()) as SdkAnswer;
}

test('an unknown app is registered when WeChat accepts its pair', async () => {
  await using world = await start();
  const answer = await ask(world, tokenPath());
  expect(answer).toMatchObject({ access_token: expect.any(String), expires_in: 7_198 });
  expect(await world.tokens.get(APPID, 'access_token')).toBe(answer['access_token']);
  expect(world.wechat.countCalls('/cgi-bin/token')).toBe(0);
});

test('the key that lets an app be registered may be the password of the URL', async () => {
  await using world = await start();
  const authorization = `Basic ${Buffer.from(`any:${key}`).toString('base64')}`;
  const answer = await world.server.fetch(tokenPath(), { headers: { authorization } });
  expect(await answer.json()).toHaveProperty('access_token');
});

test.each([
  ['without the right to register', {}, reader.key],
  ['where it is not switched on', { handler: { autoRegister: false } }, key],
])('a pair is not tried %s', async (_, options, given) => {
  await using world = await start(options);
  expect(await ask(world, tokenPath(), given)).toMatchObject({ errcode: 40013 });
  expect(world.wechat.calls).toEqual([]);
});

test.each([
  ['says that a key was missing', true, ', and the request came without a key that may register it'],
  ['asks for no key where apps are not registered by their pairs', false, ''],
])('the answer for an unknown app %s', async (_, autoRegister, why) => {
  await using world = await start({ handler: { autoRegister } });
  const errmsg = `invalid appid: it is not registered at this server${why}`;
  expect(await world.server.ask(tokenPath())).toEqual({ errcode: 40013, errmsg });
});

test('a pair that WeChat refuses is not tried again for ten minutes', async () => {
  await using world = await start();
  const wrong = tokenPath(APPID, 'wrong');
  expect(await ask(world, wrong)).toMatchObject({ errcode: 40125 });
  await world.clock.advance(599_000);
  expect(await ask(world, wrong)).toMatchObject({
    errcode: 40125,
    errmsg: expect.stringContaining('invalid appsecret'),
  });
  expect(world.wechat.countCalls(STABLE)).toBe(1);
  await world.clock.advance(2_000);
  expect(await ask(world, wrong)).toMatchObject({ errcode: 40125 });
});

test('after three refused pairs the appid rests for ten minutes, even for the right one', async () => {
  await using world = await start();
  for (let wrong = 0; wrong < 3; wrong++) {
    await ask(world, tokenPath(APPID, `wrong-${wrong}`));
    await world.clock.advance(1_500);
  }
  const errmsg = 'WeChat has refused 3 secrets of this app: no other is tried for a while';
  expect(await ask(world, tokenPath())).toEqual({ errcode: 45011, errmsg });
  await world.clock.advance(600_000);
  expect(await ask(world, tokenPath())).toHaveProperty('access_token');
});

test.each([40164, 89503])('after WeChat has answered %i, no pair is tried for ten minutes', async (errcode) => {
  await using world = await start();
  const clear = world.wechat.fail(STABLE, { errcode });
  expect(await ask(world, tokenPath())).toMatchObject({ errcode });
  clear();
  await world.clock.advance(2_000);
  const errmsg = `no pair is tried at WeChat for a while, because it has answered ${errcode} to this server`;
  expect(await ask(world, tokenPath())).toEqual({ errcode: 45011, errmsg });
  await world.clock.advance(600_000);
  expect(await ask(world, tokenPath())).toHaveProperty('access_token');
});

test('one pair of an unknown app is tried a second', async () => {
  const apps = Object.fromEntries([1, 2].map((number) => [`wxapp${number}`, { secret: SECRET }]));
  await using world = await start({ wechat: { apps } });
  expect(await ask(world, tokenPath('wxapp1'))).toHaveProperty('access_token');
  const headers = { authorization: `Bearer ${key}` };
  const limited = await world.server.fetch(tokenPath('wxapp2'), { headers });
  expect(limited.headers.get('retry-after')).toBe('1');
  const errmsg = 'this server tries one pair of appid and secret a second';
  expect(await limited.json()).toEqual({ errcode: 45011, errmsg });
  await world.clock.advance(1_000);
  expect(await ask(world, tokenPath('wxapp2'))).toHaveProperty('access_token');
});

test('a hundred refused pairs of unknown apps are tried a day', async () => {
  await using world = await start();
  for (let trial = 0; trial < 101; trial++) {
    await ask(world, tokenPath(`wxapp${trial}`));
    await world.clock.advance(1_000);
  }
  expect(world.wechat.countCalls(STABLE)).toBe(100);
  const errmsg = 'WeChat has refused 100 pairs of appid and secret in a day: this server tries no other for a while';
  expect(await ask(world, tokenPath('wxapp101'))).toEqual({ errcode: 45011, errmsg });
});

test.each([
  ['no answer', { status: 500 }],
  ['that it is busy', { errcode: -1 }],
])('asking each second while WeChat gives %s uses up no trial of the day', async (_, failure) => {
  await using world = await start();
  const clear = world.wechat.fail(STABLE, failure);
  for (let trial = 0; trial < 120; trial++) {
    expect(await ask(world, tokenPath())).toMatchObject({ errcode: -1 });
    await world.clock.advance(1_000);
  }
  clear();
  expect(await ask(world, tokenPath())).toHaveProperty('access_token');
});

test.each([
  [45011, 'for a minute', 66_000],
  [45009, 'for ten minutes', 600_000],
])(
  'a pair that WeChat answers %i is not tried %s, however often, and is not called wrong for that',
  async (errcode, _, ms) => {
    await using world = await start();
    const clear = world.wechat.fail(STABLE, { errcode });
    for (let trial = 1; trial <= 5; trial++) {
      expect(await ask(world, tokenPath())).toMatchObject({ errcode });
      await world.clock.advance(1_000);
      expect(await ask(world, tokenPath())).toMatchObject({ errcode });
      expect(world.wechat.countCalls(STABLE)).toBe(trial);
      await world.clock.advance(ms);
    }
    clear();
    expect(await ask(world, tokenPath())).toHaveProperty('access_token');
  },
);

test('a program that asks with a wrong secret for days leaves most trials to other apps', async () => {
  await using world = await start({ wechat: { apps: { [APPID]: { secret: SECRET }, wxother: { secret: SECRET } } } });
  for (let tenMinutes = 0; tenMinutes < 288; tenMinutes++) {
    expect(await ask(world, tokenPath(APPID, 'wrong'))).toMatchObject({ errcode: 40125 });
    await world.clock.advance(600_000);
  }
  expect(world.wechat.countCalls(STABLE)).toBeLessThan(50);
  expect(await ask(world, tokenPath('wxother'))).toHaveProperty('access_token');
});

test.each([
  ['of an unknown app', false],
  ['with the new secret of a registered app', true],
])('a pair %s is not called wrong when WeChat does not answer its trial', async (_, isRegistered) => {
  await using world = await start({ isRegistered });
  world.wechat.fail(STABLE, { status: 500 });
  const errmsg = 'WeChat has not answered whether it accepts this appid and secret';
  expect(await ask(world, tokenPath(APPID, 'CANARY-new-secret'))).toEqual({ errcode: -1, errmsg });
});

test('a new secret that WeChat accepts replaces the stored one, and the token lives on', async () => {
  await using world = await start({ isRegistered: true });
  const token = await world.server.askToken();
  world.wechat.setApp(APPID, { secret: 'CANARY-new-secret' });
  expect(await ask(world, tokenPath(APPID, 'CANARY-new-secret'))).toMatchObject({ access_token: token });
  expect(await world.server.ask(tokenPath())).toMatchObject({ errcode: 40125 });
});

test('an app is registered by its pair while another program at the same address keeps asking with a wrong one', async () => {
  await using world = await start();
  for (let request = 0; request < 40; request++) {
    const answer = await world.server.ask(tokenPath('wxunknown', 'wrong'));
    expect(answer).toMatchObject({ errcode: request < 20 ? 40013 : 45011 });
  }
  expect(await ask(world, tokenPath())).toHaveProperty('access_token');
  expect(await world.server.ask(tokenPath('wxunknown', 'wrong'))).toMatchObject({ errcode: 45011 });
});
