import { describe, expect, test } from 'vitest';
import type { TokenManager } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { unwatched } from '../../../support/stores/unwatched-store.js';
import { RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID } from '../../../support/worlds/world.js';

const DEAD = 'a refresh token that WeChat does not know';

async function worldWithDeadToken(): Promise<RotatingWorld> {
  const world = new RotatingWorld();
  world.upstream.authorize();
  return world;
}

test('a refused refresh token is reported once, whatever else is registered afterwards', async () => {
  await using world = await worldWithDeadToken();
  const tokens = await world.withTask({ refresh_token: DEAD });
  await world.clock.advance(60_000);
  expect([world.reauthorizations(), world.upstream.sent.length]).toEqual([1, 1]);
  for (let change = 0; change < 3; change++) {
    await tokens.register({ appid: APPID, secret: `another-secret-${change}` });
    await world.clock.advance(30_000);
    await world.register(tokens, { refresh_token: DEAD, change });
    await world.clock.advance(30_000);
  }
  await tokens.put(APPID, TYPE, { value: 'given', expiresInSeconds: 60 }, USER);
  await world.clock.advance(120_000);
  expect([world.reauthorizations(), world.upstream.sent.length]).toEqual([1, 1]);
});

test('a refused refresh token is reported once by all processes together, and not again after a restart', async () => {
  await using world = await worldWithDeadToken();
  const first = await world.withTask({ refresh_token: DEAD });
  const second = world.process();
  await second.start();
  await world.clock.advance(60_000);
  await first.close();
  await second.register({ appid: APPID, secret: 'another-secret' });
  await world.clock.advance(60_000);
  const third = await world.withTask({ refresh_token: DEAD, change: 1 });
  await expect(third.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' });
  expect([world.reauthorizations(), world.upstream.sent.length]).toEqual([1, 1]);
});

test('another refresh token that is refused is reported, also where a function returns it', async () => {
  await using world = await worldWithDeadToken();
  let offered = DEAD;
  await world.withTask(() => ({ refresh_token: offered }));
  await world.clock.advance(60_000);
  expect(world.reauthorizations()).toBe(1);
  offered = `${DEAD} either`;
  await world.clock.advance(700_000);
  expect([world.reauthorizations(), world.upstream.sent.length]).toEqual([2, 2]);
});

test('a refused refresh token that is put again and refused again is reported again', async () => {
  await using world = await worldWithDeadToken();
  const tokens = await world.withTask({ refresh_token: DEAD });
  await world.clock.advance(60_000);
  await tokens.put(APPID, TYPE, { value: 'given', expiresInSeconds: 60, refreshToken: DEAD }, USER);
  await world.clock.advance(120_000);
  expect([world.reauthorizations(), world.upstream.sent.length]).toEqual([2, 2]);
});

test('the end of a refresh token is reported once, whatever else is registered afterwards', async () => {
  await using world = new RotatingWorld();
  world.upstream.lifeSeconds = 60;
  const tokens = await world.withTask();
  const grant = { value: 'given', expiresInSeconds: 60, refreshToken: 'r', refreshTokenExpiresInSeconds: 30 };
  await tokens.put(APPID, TYPE, grant, USER);
  await world.clock.advance(120_000);
  expect([world.reauthorizations(), world.upstream.sent.length]).toEqual([1, 0]);
  await tokens.register({ appid: APPID, secret: 'another-secret' });
  await world.clock.advance(60_000);
  expect([world.reauthorizations(), world.upstream.sent.length]).toEqual([1, 0]);
});

test('a put of a token alone leaves the refresh token of an attempt under way its time to be stored', async () => {
  await using world = new RotatingWorld();
  world.upstream.lifeSeconds = 60;
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await tokens.get(APPID, TYPE, USER);
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    return new Promise((resolve) => void world.clock.setTimer(resolve, 17_000));
  };
  const forced = tokens.refresh(APPID, TYPE, { ...USER, force: true }).catch(() => {});
  await world.clock.advance(1_000);
  await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 9 }, USER);
  await world.clock.advance(14_500);
  const got = world.within(1_000, tokens.get(APPID, TYPE, USER));
  await expect(got).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
  await world.clock.advance(30_000);
  await forced;
  expect(world.reauthorizations()).toBe(0);
  expect(world.upstream.isGood(await world.storedToken())).toBe(true);
});

describe('a process that has not been notified of a new login', () => {
  type Tokens = TokenManager<'user_token'>;
  const MINUTE_SECONDS = 60;

  test.each<[string, (other: Tokens) => Promise<void>]>([
    ['its app was registered anew', (other) => other.unregister(APPID)],
    ['its task was registered anew', (other) => other.unregister(APPID, TYPE, USER)],
    ['its task was registered with another refresh token', async () => {}],
  ])('a login for which %s is used, and its user is not asked to authorize again', async (_, prepare) => {
    await using world = new RotatingWorld();
    const unheard = world.process({ store: unwatched(shared(world.store)) });
    const other = world.process({ store: shared(world.store), refresh: 'never' });
    await world.register(unheard, { refresh_token: world.upstream.authorize() });
    await world.within(5_000, unheard.get(APPID, TYPE, USER));
    await world.within(100, other.start());
    await world.within(500, prepare(other));
    await world.within(500, world.register(other, { refresh_token: world.upstream.authorize() }));
    await world.within(5_000, unheard.refresh(APPID, TYPE, { ...USER, force: true }));
    expect(world.log.filter((line) => !line.startsWith('refreshed'))).toEqual([]);
    expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  });

  test('a login that was registered when the refresh token before it had expired is used, and its user is not asked', async () => {
    await using world = new RotatingWorld();
    world.upstream.refreshTokenExpiresInSeconds = MINUTE_SECONDS;
    const unheard = world.process({ store: unwatched(shared(world.store)) });
    const other = world.process({ store: shared(world.store), refresh: 'never' });
    await world.register(unheard, { refresh_token: world.upstream.authorize() });
    await world.within(5_000, unheard.get(APPID, TYPE, USER));
    await world.within(100, other.start());
    await world.clock.advance(MINUTE_SECONDS * 1_000);
    await world.within(500, world.register(other, { refresh_token: world.upstream.authorize() }));
    await world.within(5_000, unheard.refresh(APPID, TYPE, { ...USER, force: true }));
    expect(world.reauthorizations()).toBe(0);
    expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  });
});
