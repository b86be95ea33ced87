import { describe, expect, test } from 'vitest';
import { type Clock, type RefreshCallOptions, TokenError, type TokenManager } from '../../../../src/index.js';
import { FakeWeChat } from '../../../../src/testing/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

test('fifty reports of one dead token make one fetch', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const stale = await tokens.get(APPID, TYPE);
  const values = await Promise.all(Array.from({ length: 50 }, () => tokens.refresh(APPID, TYPE, { stale })));
  expect(new Set(values)).toEqual(new Set(['token-2']));
  expect(world.wechat.calls).toBe(2);
  expect(world.wechat.asked[1]).toMatchObject({ reason: 'stale', stale: 'token-1' });
});

test('a report of a value that is no longer current is answered with the current one', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  expect(await tokens.refresh(APPID, TYPE, { stale: 'one-from-yesterday' })).toBe('token-1');
  expect(world.wechat.calls).toBe(1);
});

test('a report that another process has already acted on is answered from the store', async () => {
  await using world = new World();
  const [one, other] = [await world.registered(), world.manager()];
  const stale = await one.get(APPID, TYPE);
  expect(await other.get(APPID, TYPE)).toBe(stale);
  await one.refresh(APPID, TYPE, { stale });
  expect(await other.refresh(APPID, TYPE, { stale })).toBe('token-2');
  expect(world.wechat.calls).toBe(2);
});

test('a flight begun before the report counts only if its value differs', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const stale = await tokens.get(APPID, TYPE);
  let answer: (grant: { value: string }) => void = () => {};
  world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
  const wished = tokens.get(APPID, TYPE, { minValidityMs: 9_000_000 });
  await world.clock.advance(0);
  const reported = tokens.refresh(APPID, TYPE, { stale });
  await world.clock.advance(0);
  answer({ value: stale });
  await wished;
  expect(await reported).not.toBe(stale);
  expect(world.wechat.asked.map(({ reason }) => reason)).toEqual(['demand', 'demand', 'stale']);
});

test.each([
  { afterMs: 29_999, calls: 2 },
  { afterMs: 30_000, calls: 3 },
])('a second report $afterMs ms after the first has $calls fetches made in all', async ({ afterMs, calls }) => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await tokens.refresh(APPID, TYPE, { stale: 'token-1' });
  await world.clock.advance(afterMs);
  const value = await tokens.refresh(APPID, TYPE, { stale: 'token-2' });
  expect(value).toBe(calls === 3 ? 'token-3' : 'token-2');
  expect(world.wechat.calls).toBe(calls);
});

test('a forced refresh between two allowed ones is QUOTA_EXHAUSTED and says when it may be retried', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  expect(await tokens.refresh(APPID, TYPE, { force: true })).toBe('token-2');
  const forcedAt = world.clock.now();
  await world.clock.advance(10_000);
  await expect(tokens.refresh(APPID, TYPE, { force: true })).rejects.toMatchObject({
    code: 'QUOTA_EXHAUSTED',
    retryAt: forcedAt + 30_000,
  });
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
});

test('a caller without a token is not refused because it has joined a forced refresh that is limited', async () => {
  await using world = new World();
  const store = new FaultyStore(shared(world.store));
  const tokens = world.manager({ store });
  await tokens.register({ appid: APPID, secret: SECRET });
  world.wechat.next({ value: 'short-1', expiresInSeconds: 10 }, { value: 'short-2', expiresInSeconds: 10 });
  await tokens.get(APPID, TYPE);
  await tokens.refresh(APPID, TYPE, { force: true });
  await world.clock.advance(11_000);
  let goOn: () => void = () => {};
  const held = new Promise<void>((resolve) => (goOn = resolve));
  store.before = (method) => (method === 'lease' ? held : undefined);
  const forced = tokens.refresh(APPID, TYPE, { force: true }).catch((error: unknown) => error);
  await world.clock.advance(10);
  const callers = Promise.all([tokens.get(APPID, TYPE), tokens.get(APPID, TYPE)]);
  await world.clock.advance(10);
  goOn();
  expect(await world.within(1_000, callers)).toEqual(['token-3', 'token-3']);
  expect(await forced).toMatchObject({ code: 'QUOTA_EXHAUSTED' });
  expect(world.wechat.calls).toBe(3);
});

test('I10: reports and forced refreshes make at most 20 fetches a rolling day, over any number of restarts', async () => {
  await using world = new World();
  await world.registered();
  for (let restart = 0; restart < 30; restart++) {
    const tokens = world.manager();
    await tokens.refresh(APPID, TYPE, { force: true }).catch(() => {});
    await world.clock.advance(31_000);
    await tokens.refresh(APPID, TYPE, { stale: await tokens.get(APPID, TYPE) });
    await world.clock.advance(31_000);
    await tokens.close();
  }
  const asked = world.wechat.asked.filter(({ reason }) => reason === 'forced' || reason === 'stale');
  expect(asked).toHaveLength(20);
  await world.clock.advance(24 * 3_600_000);
  await expect(world.manager().refresh(APPID, TYPE, { force: true })).resolves.toMatch(/^token-/);
});

test('concurrent forced refreshes make one fetch', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  const values = await Promise.all(Array.from({ length: 20 }, () => tokens.refresh(APPID, TYPE, { force: true })));
  expect(new Set(values)).toEqual(new Set(['token-2']));
});

test('a failed stale report leaves the token current', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const stale = await tokens.get(APPID, TYPE);
  world.wechat.next(new TokenError('UPSTREAM_UNAVAILABLE', 'down', { retryable: true }));
  await expect(tokens.refresh(APPID, TYPE, { stale })).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
  expect(await tokens.get(APPID, TYPE)).toBe(stale);
});

test('call replays once after a stale answer, and once only', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const seen: string[] = [];
  const answer = await tokens.call(APPID, TYPE, async (token) => {
    seen.push(token);
    return { errcode: 40001, errmsg: 'invalid credential' };
  });
  expect(seen).toEqual(['token-1', 'token-2']);
  expect(answer).toEqual({ errcode: 40001, errmsg: 'invalid credential' });
});

test('call passes on its arguments, and what the function throws', async () => {
  await using world = new World();
  const tokens = await world.registered();
  expect(await tokens.call(APPID, TYPE, (token) => token.length)).toBe(7);
  await expect(tokens.call(APPID, TYPE, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  await expect(tokens.call(APPID, TYPE, 'no function' as never)).rejects.toThrow(TypeError);
  await expect(tokens.call(APPID, TYPE, String, { isStale: 1 as never })).rejects.toThrow(/isStale/);
  expect(world.wechat.calls).toBe(1);
});

test('call uses isStale where it is given', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const answer = await tokens.call(APPID, TYPE, (token) => ({ status: token === 'token-1' ? 'expired' : 'ok' }), {
    isStale: ({ result }) => (result as { status: string }).status === 'expired',
  });
  expect(answer).toEqual({ status: 'ok' });
});

test.each([
  ['neither', {}],
  ['both', { stale: 'x', force: true }],
  ['force that is not true', { force: 1 }],
  ['an empty stale', { stale: '' }],
  ['a stale that is a number', { stale: 4 }],
  ['a misspelt option', { stale: 'x', timeout: 5 }],
])('refresh with %s is a TypeError', async (_name, options) => {
  await using world = new World();
  const tokens = world.manager();
  await expect(tokens.refresh(APPID, TYPE, options as never)).rejects.toThrow(TypeError);
});

test('put stores a grant from elsewhere and announces it, and an older one changes nothing', async () => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  const record = await tokens.put(APPID, TYPE, {
    value: 'put-1',
    expiresInSeconds: 7_200,
    result: { extra: 1, of: 'put-1' },
  });
  expect(record.value).toBe('put-1');
  expect(await record.result()).toEqual({ extra: 1, of: 'put-1' });
  expect(await tokens.get(APPID, TYPE)).toBe('put-1');
  const older = { value: 'put-0', expiresInSeconds: 7_200, obtainedAt: world.clock.now() - 1_000 };
  expect((await tokens.put(APPID, TYPE, older)).value).toBe('put-1');
  expect(world.log).toEqual(['refreshed access_token put']);
  expect(world.wechat.calls).toBe(0);
});

test.each([
  ['no object', 'token'],
  ['an empty value', { value: '', expiresInSeconds: 7_200 }],
  ['an absurd lifetime', { value: 'CANARY', expiresInSeconds: 1e12 }],
  ['an obtainedAt in the future', { value: 'CANARY', expiresInSeconds: 7_200, obtainedAt: 9e12 }],
  ['a token that has ended', { value: 'CANARY', expiresInSeconds: 10, obtainedAt: 1 }],
  ['a result that is no object', { value: 'CANARY', expiresInSeconds: 10, result: 'CANARY' }],
])('put of %s is a TypeError without the value, and the stored grant stays', async (_name, grant) => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  const error = await tokens.put(APPID, TYPE, grant as never).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TypeError);
  expect(String((error as Error).stack)).not.toContain('CANARY');
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('put for an app that is not registered fails with NOT_REGISTERED', async () => {
  await using world = new World();
  const put = world.manager().put(APPID, TYPE, { value: 'x', expiresInSeconds: 7_200 });
  await expect(put).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
});

describe('a forced refresh and other processes', () => {
  /** A process that hears of nothing that the others do. */
  function deaf(world: World): TokenManager {
    return world.manager({ store: { ...shared(world.store), watch: async () => async () => {} } });
  }

  /** A fetch that takes its time. */
  function held(world: World): (grant?: object) => void {
    let answer: (grant: object) => void = () => {};
    world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
    return (grant = {}) => answer(grant);
  }

  async function two(world: World): Promise<[TokenManager, TokenManager]> {
    const one = deaf(world);
    await one.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    await world.clock.advance(1_000);
    const other = deaf(world);
    await other.get(APPID, TYPE);
    return [one, other];
  }

  test('a forced refresh replaces a token that another process refreshed unheard, and its fetch gets that token', async () => {
    await using world = new World();
    const [one, other] = await two(world);
    await other.refresh(APPID, TYPE, { stale: 'token-1' });
    await world.clock.advance(31_000);
    expect(one.peek(APPID, TYPE)?.value).toBe('token-1');
    expect(await world.within(1_000, one.refresh(APPID, TYPE, { force: true }))).toBe('token-3');
    expect(world.wechat.asked.at(-1)).toMatchObject({ reason: 'forced', previous: { value: 'token-2' } });
  });

  test('a forced refresh is limited where another process has just refreshed the token unheard', async () => {
    await using world = new World();
    const [one, other] = await two(world);
    await other.refresh(APPID, TYPE, { stale: 'token-1' });
    const refreshedAt = world.clock.now();
    await world.clock.advance(1_000);
    await expect(world.within(1_000, one.refresh(APPID, TYPE, { force: true }))).rejects.toMatchObject({
      code: 'QUOTA_EXHAUSTED',
      retryAt: refreshedAt + 30_000,
    });
    expect(world.wechat.calls).toBe(2);
  });

  test('a forced refresh is answered by a fetch of another process that began after it', async () => {
    await using world = new World();
    const [one, other] = await two(world);
    const answer = held(world);
    const forced = [one, other].map((tokens) => tokens.refresh(APPID, TYPE, { force: true }));
    await world.clock.advance(1_000);
    answer();
    expect(await world.within(1_000, Promise.all(forced))).toEqual(['token-2', 'token-2']);
    expect(world.wechat.calls).toBe(2);
  });

  test('a forced refresh is not answered by a fetch of another process that began before it', async () => {
    await using world = new World();
    const [one, other] = await two(world);
    const answer = held(world);
    const wished = one.get(APPID, TYPE, { minValidityMs: 9_000_000 });
    await world.clock.advance(1_000);
    const forced = other.refresh(APPID, TYPE, { force: true });
    await world.clock.advance(1_000);
    answer();
    expect(await world.within(1_000, wished)).toBe('token-2');
    expect(await world.within(1_000, forced)).toBe('token-3');
    expect(world.wechat.asked.at(-1)).toMatchObject({ reason: 'forced', previous: { value: 'token-2' } });
  });

  test('a forced refresh is not answered by a forced fetch of its own process that began before it', async () => {
    await using world = new World();
    const tokens = await world.registered();
    await tokens.get(APPID, TYPE);
    const answer = held(world);
    const first = tokens.refresh(APPID, TYPE, { force: true });
    const forcedAt = world.clock.now();
    await world.clock.advance(1_000);
    const second = tokens.refresh(APPID, TYPE, { force: true }).catch((error: unknown) => error);
    await world.clock.advance(1_000);
    answer();
    expect(await world.within(1_000, first)).toBe('token-2');
    expect(await second).toMatchObject({ code: 'QUOTA_EXHAUSTED', retryAt: forcedAt + 30_000 });
  });

  test('a forced refresh requests by force in stable mode, although another process has a newer unheard token', async () => {
    await using world = new World();
    const clock = world.clock;
    const wechat = await FakeWeChat.start({ clock, apps: { [APPID]: { secret: SECRET } } });
    try {
      const process = (): TokenManager =>
        world.manager({
          refreshers: [],
          wechat: { origins: [wechat.origin] },
          store: { ...shared(world.store), watch: async () => async () => {} },
        });
      const [one, other] = [process(), process()];
      await one.register({ appid: APPID, secret: SECRET });
      const first = await one.get(APPID, TYPE);
      expect(await other.refresh(APPID, TYPE, { stale: first })).not.toBe(first);
      const inForce = await other.get(APPID, TYPE);
      await clock.advance(40_000);
      expect(await one.refresh(APPID, TYPE, { force: true })).not.toBe(inForce);
    } finally {
      await wechat.close();
    }
  });
});

describe('a token that was put in the millisecond in which its replacement is asked for', () => {
  test.each<[string, RefreshCallOptions]>([
    ['a stale report', { stale: 'one-that-was-put' }],
    ['force', { force: true }],
  ])('is replaced by %s, although wall clocks have no fractions of milliseconds', async (_way, options) => {
    await using world = new World();
    const wall: Clock = {
      now: () => Math.floor(world.clock.now()),
      monotonic: () => world.clock.monotonic(),
      setTimer: (callback, delayMs) => world.clock.setTimer(callback, delayMs),
      random: () => world.clock.random(),
    };
    const tokens = world.manager({ clock: wall });
    await tokens.register({ appid: APPID, secret: SECRET });
    await tokens.put(APPID, TYPE, { value: 'one-that-was-put', expiresInSeconds: 7_200 });
    world.wechat.next(async () => {
      await world.clock.advance(0.4);
      return { value: 'one-that-replaces-it' };
    });
    expect(await tokens.refresh(APPID, TYPE, options)).toBe('one-that-replaces-it');
  });
});

test('a call whose function gets a token of another app is not repeated when WeChat refuses the secret of that app', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.register({ appid: 'wx-other', secret: 'a-secret-that-was-reset' });
  await tokens.get(APPID, TYPE);
  world.wechat.next(new TokenError('UPSTREAM_REJECTED', 'refused', { errcode: 40_001 }));
  const seen: string[] = [];
  const called = tokens.call(APPID, TYPE, (token) => {
    seen.push(token);
    return tokens.get('wx-other', TYPE);
  });
  await expect(called).rejects.toMatchObject({ errcode: 40_001, appid: 'wx-other' });
  expect(seen).toEqual(['token-1']);
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});
