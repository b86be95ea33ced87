import { expect, test } from 'vitest';
import { ownScheduleTest } from '../../../support/worlds/fleet-mode.js';
import { RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET, World } from '../../../support/worlds/world.js';

test.each([
  ['oauth2_access_token', 'openid-1', 'refresh_token'],
  ['authorizer_access_token', 'wx-merchant', 'authorizer_refresh_token'],
] as const)('%s without a refresh token names what it lacks, and does not call WeChat', async (type, subject, name) => {
  await using world = new World();
  const tokens = world.manager({ wechat: { origins: ['http://127.0.0.1:1'] } });
  const params = { component_access_token: 'given' };
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type, subject, params }] });
  await expect(tokens.get(APPID, type, { subject })).rejects.toMatchObject({
    code: 'INPUT_MISSING',
    message: `${type} needs ${name}: put one with a grant, or register it in the params of the task`,
    subject,
  });
});

test('a ticket that was not put is INPUT_MISSING, since WeChat pushes it and none can be requested', async () => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  await expect(tokens.get(APPID, 'component_verify_ticket')).rejects.toMatchObject({
    code: 'INPUT_MISSING',
    message: 'no unexpired component_verify_ticket has been stored, and none can be requested: WeChat pushes it',
  });
});

ownScheduleTest(
  'a task whose refresher this process lacks is left to those that have it, and the failure is reported',
  async () => {
    await using world = new RotatingWorld();
    const params = { refresh_token: world.upstream.authorize() };
    const tokens = await world.withTask(params);
    await tokens.get(APPID, TYPE, USER);
    await tokens.close();
    const { log } = world;
    const before = log.length;
    await world.manager().start();
    await world.clock.advance(7_200_000);
    expect(new Set(log.slice(before))).toEqual(
      new Set(['refreshed user_token store', 'refreshFailed user_token INPUT_MISSING']),
    );
    expect(world.upstream.sent).toHaveLength(1);
  },
);

test.each([
  ['an object', 24 * 3_600_000],
  ['a function', 600_000],
])('params after a refusal that are %s are looked at again in %i ms', async (kind, ms) => {
  await using world = new RotatingWorld();
  const params = { refresh_token: 'dead' };
  let looks = 0;
  const ask = (): object => {
    looks += 1;
    return params;
  };
  const tokens = await world.withTask(kind === 'a function' ? ask : params);
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({
    code: 'REAUTHORIZATION_REQUIRED',
    retryAt: world.clock.now() + ms,
  });
  const before = looks;
  await world.clock.advance(ms - 1);
  expect(looks).toBe(before);
  await world.clock.advance(1);
  expect(looks).toBe(kind === 'a function' ? before + 1 : before);
  expect(world.upstream.sent).toEqual(['dead']);
});
