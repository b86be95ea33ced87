import { expect, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { type Clock, TokenError, type TokenStore } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { APPID, TYPE, World } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;
const DAY_MS = 24 * 3_600_000;

test('I1: a token lives no longer than granted after the clock is set back a day', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.always = () => new Promise(() => {});
  await world.clock.advance(3_600_000);
  world.clock.jump(-DAY_MS);
  await world.clock.advance(LIFE_MS - 3_600_000 - 1);
  expect(tokens.peek(APPID, TYPE)?.value).toBe('token-1');
  await world.clock.advance(1);
  expect(tokens.peek(APPID, TYPE)).toBeUndefined();
});

test('a clock set back makes the token due once, without a loop', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.clock.jump(-DAY_MS);
  await world.clock.advance(60_000);
  expect(world.wechat.calls).toBe(2);
  await world.clock.advance(3_600_000);
  expect(world.wechat.calls).toBe(2);
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
});

test("WeChat's answer has the lifetime that is left after the clock was set back", async () => {
  await using world = new World();
  world.wechat.next({ value: 'A', result: { access_token: 'A', expires_in: 7_200 } });
  const tokens = await world.registered();
  const record = await tokens.getRecord(APPID, TYPE);
  await world.clock.advance(5_400_000);
  world.clock.jump(-3_600_000);
  expect(await record.result()).toEqual({ access_token: 'A', expires_in: 1_800 });
});

test('a clock set forward a day causes one refresh, and the old token is not answered', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.clock.jump(DAY_MS);
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
  await world.clock.advance(3_600_000);
  expect(world.wechat.calls).toBe(2);
});

test('a task is refreshed within a second after the machine has slept past its due', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.clock.jump(LIFE_MS - 300_000);
  await world.clock.advance(1_000);
  expect(world.wechat.calls).toBe(2);
  expect(tokens.peek(APPID, TYPE)?.value).toBe('token-2');
});

test('a hit whose clock reads less than before is checked before it is answered', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await tokens.get(APPID, TYPE);
  world.clock.jump(-10_000);
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  expect(tokens.peek(APPID, TYPE)?.value).toBe('token-1');
});

test('tokens with short lives are kept fresh too', async () => {
  await using world = new World({ random: () => Math.random() });
  world.wechat.lifeSeconds = 2;
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  for (let step = 0; step < 200; step++) {
    await world.clock.advance(100);
    expect(tokens.peek(APPID, TYPE)).toBeDefined();
  }
  expect(world.wechat.calls).toBeLessThan(20);
});

test('a token whose process clock is a day ahead of the store is kept by the clock of the store', async () => {
  await using world = new World();
  const right = await world.registered();
  await right.get(APPID, TYPE);
  const ahead = world.manager({ clock: offBy(world, () => DAY_MS) });
  expect(await ahead.get(APPID, TYPE)).toBe('token-1');
  await world.clock.advance(LIFE_MS);
  expect(world.wechat.calls).toBe(2);
  expect(await ahead.get(APPID, TYPE)).toBe(await right.get(APPID, TYPE));
});

test('a clock set back freezes nothing: failures are retried, and limits count again', async () => {
  await using world = new World();
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'frozen', { errcode: 40243 });
  const tokens = await world.registered();
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40243 });
  world.clock.jump(-DAY_MS);
  world.wechat.always = undefined;
  await world.clock.advance(61_000);
  expect(await tokens.get(APPID, TYPE)).toMatch(/^token-/);
  expect(await tokens.refresh(APPID, TYPE, { force: true })).toMatch(/^token-/);
  world.clock.jump(-DAY_MS);
  await world.clock.advance(1_000);
  await expect(tokens.refresh(APPID, TYPE, { force: true })).resolves.toMatch(/^token-/);
});

/** A store that holds a token which a process a day ahead has fetched, whose life is over by the clock of the store. */
async function withDeadTokenFromTheFuture(): Promise<World> {
  const world = new World();
  const ahead = await world.registered();
  world.clock.jump(DAY_MS);
  await ahead.get(APPID, TYPE);
  await ahead.close();
  world.clock.jump(-DAY_MS);
  await world.clock.advance(LIFE_MS);
  return world;
}

test('a token from the future, which may have expired, is not answered before a refresh was tried', async () => {
  await using world = await withDeadTokenFromTheFuture();
  expect(await world.manager().get(APPID, TYPE)).toBe('token-2');
  expect(world.wechat.calls).toBe(2);
});

test('a token from the future is answered while WeChat is unavailable', async () => {
  await using world = await withDeadTokenFromTheFuture();
  world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'away', { retryable: true });
  const tokens = world.manager();
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  const { calls } = world.wechat;
  for (let time = 0; time < 10; time++) expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  expect(world.wechat.calls).toBe(calls);
});

test('a clock set forward a day before the answer does not spoil it, where the store knows the time', async () => {
  await using world = new World();
  let offMs = 0;
  world.wechat.next(async () => {
    offMs = DAY_MS;
    return {};
  });
  const tokens = await world.registered({ clock: offBy(world, () => offMs) });
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  await world.clock.advance(3_600_000);
  expect(world.wechat.calls).toBe(1);
});

test('a token that is stored just after the clock was set past its end is answered, where the store knows the time', async () => {
  await using world = new World();
  const right = await world.registered();
  await right.get(APPID, TYPE);
  let offMs = 0;
  const tokens = world.manager({ clock: offBy(world, () => offMs) });
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  const endsAt = world.clock.now() + LIFE_MS;
  // As in stable mode, WeChat repeats the token, with the life that is left.
  world.wechat.always = async () => ({ value: 'repeated', expiresInSeconds: (endsAt - world.clock.now()) / 1_000 });
  offMs = DAY_MS;
  await right.refresh(APPID, TYPE, { force: true });
  await world.clock.advance(60_000);
  expect(await tokens.get(APPID, TYPE)).toBe('repeated');
});

function offBy(world: World, offMs: () => number): Clock {
  return {
    now: () => world.clock.now() + offMs(),
    monotonic: () => world.clock.monotonic(),
    random: () => 0.5,
    setTimer: (callback, delayMs) => world.clock.setTimer(callback, delayMs),
  };
}

test.each([600_000, 1_200_000, 3_599_999])(
  'a task is refreshed before its token ends though the clock was set back by %i ms in mid-life',
  async (stepMs) => {
    await using world = new World();
    const tokens = await world.registered();
    await tokens.get(APPID, TYPE);
    await world.clock.advance(3_600_000);
    world.clock.jump(-stepMs);
    await world.clock.advance(LIFE_MS - 3_600_000 - 300_000);
    expect(world.wechat.calls).toBe(2);
  },
);

test('a failed refresh is retried in time though the clock was set back meanwhile', async () => {
  await using world = new World();
  world.wechat.always = async () => {
    throw new TokenError('UPSTREAM_UNAVAILABLE', 'out', { retryable: true });
  };
  await world.registered();
  await world.clock.advance(600_000);
  const before = world.wechat.calls;
  world.clock.jump(-DAY_MS);
  await world.clock.advance(120_000);
  expect(world.wechat.calls).toBeGreaterThan(before);
});

test.each([LIFE_MS, -LIFE_MS])(
  'processes that notice at different times that the clock of the store was set by %i ms do not replace the tokens of each other',
  async (stepMs) => {
    let setByMs = 0;
    const store = (memory: TokenStore): TokenStore => ({
      ...shared(memory),
      now: async () => (await memory.now()) + setByMs,
    });
    await using world = new World({ store });
    world.wechat.always = async () => {
      await wait(world.clock, 100);
      return {};
    };
    await world.registered();
    await world.clock.advance(30_000);
    await world.manager().start();
    await world.clock.advance(1_000);
    setByMs = stepMs;
    await world.clock.advance(120_000);
    expect(world.wechat.calls).toBeLessThanOrEqual(4);
  },
);

test.each([LIFE_MS / 2, DAY_MS])(
  'a token that WeChat repeats is answered by every process when the clock of the store was ahead by %i ms and is set right',
  async (aheadMs) => {
    let setByMs = aheadMs;
    const store = (memory: TokenStore): TokenStore => ({
      ...shared(memory),
      now: async () => (await memory.now()) + setByMs,
    });
    await using world = new World({ store });
    const endsAt = world.clock.now() + LIFE_MS;
    world.wechat.always = async () => ({
      value: 'repeated',
      expiresInSeconds: Math.floor((endsAt - world.clock.now()) / 1_000),
    });
    const first = await world.registered();
    await first.get(APPID, TYPE);
    await world.clock.advance(30_000);
    const second = world.manager();
    expect(await second.get(APPID, TYPE)).toBe('repeated');
    setByMs = 0;
    await world.clock.advance(120_000);
    for (let minute = 0; minute < 100; minute++) {
      for (const tokens of [first, second]) expect(await tokens.get(APPID, TYPE)).toBe('repeated');
      await world.clock.advance(60_000);
    }
    expect(world.wechat.calls).toBeLessThanOrEqual(8);
  },
);
