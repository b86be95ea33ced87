import { expect, test } from 'vitest';
import { type Grant, TokenError, TokenManager } from '../../../../src/index.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { ownScheduleTest } from '../../../support/worlds/fleet-mode.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;

test('I2: concurrent callers of a cold key share one fetch', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const values = await Promise.all(Array.from({ length: 100 }, () => tokens.get(APPID, TYPE)));
  expect(new Set(values)).toEqual(new Set(['token-1']));
  expect(world.wechat.calls).toBe(1);
});

test('a registered task is fetched without a caller, and refreshed ahead of each expiry', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await world.clock.advance(0);
  expect(tokens.peek(APPID, TYPE)?.value).toBe('token-1');
  await world.clock.advance(5 * LIFE_MS);
  expect(world.wechat.calls).toBe(6);
  expect(world.wechat.asked.map(({ reason }) => reason)).toEqual(Array(6).fill('due'));
  expect(world.log.filter((line) => line.startsWith('refreshed'))).toHaveLength(6);
});

ownScheduleTest.each([
  { random: 0, dueBeforeExpiryMs: 300_000 },
  { random: 0.5, dueBeforeExpiryMs: 600_000 },
  { random: 0.999_999, dueBeforeExpiryMs: 899_999 },
])(
  'the refresh comes $dueBeforeExpiryMs ms before expiry when random is $random',
  async ({ random, dueBeforeExpiryMs }) => {
    await using world = new World({ random });
    const tokens = await world.registered();
    await tokens.get(APPID, TYPE);
    await world.clock.advance(LIFE_MS - dueBeforeExpiryMs - 1);
    expect(world.wechat.calls).toBe(1);
    await world.clock.advance(1);
    expect(world.wechat.calls).toBe(2);
  },
);

test('a due token is answered at once until its expiry while the new one is fetched', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.next(() => new Promise(() => {}));
  await world.clock.advance(LIFE_MS - 600_000);
  expect(world.wechat.calls).toBe(2);
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('I9: a failing refresh never discards a token that is still good', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'down', { retryable: true });
  await world.clock.advance(LIFE_MS - 20_000);
  expect(world.wechat.calls).toBeGreaterThan(2);
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('I1: an expired token is never answered, whatever happens upstream', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'down', { retryable: true });
  await world.clock.advance(LIFE_MS - 1);
  const last = tokens.get(APPID, TYPE);
  await world.clock.advance(0);
  expect(tokens.peek(APPID, TYPE)?.value).toBe('token-1');
  await world.clock.advance(1);
  expect(tokens.peek(APPID, TYPE)).toBeUndefined();
  await Promise.allSettled([last]);
  const refused = tokens.get(APPID, TYPE).catch((error: unknown) => error);
  await world.clock.advance(26_000);
  expect(await refused).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
});

test('a token in its last moments is answered after at most half of what remains', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.always = () => new Promise(() => {});
  await world.clock.advance(LIFE_MS - 4_000);
  let answer: string | undefined;
  void tokens.get(APPID, TYPE).then((value) => {
    answer = value;
  });
  await world.clock.advance(1_990);
  expect(answer).toBeUndefined();
  await world.clock.advance(20);
  expect(answer).toBe('token-1');
});

test('I10: an outage ends at the next attempt, and attempts are bounded', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'down', { retryable: true });
  await world.clock.advance(LIFE_MS + 3_600_000);
  const attempts = world.wechat.calls - 1;
  expect(attempts).toBeGreaterThan(20);
  expect(attempts).toBeLessThan(200);
  world.wechat.always = undefined;
  await world.clock.advance(60_000);
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
});

test.each([
  { code: 'UPSTREAM_REJECTED', retryable: false, everyMs: 600_000 },
  { code: 'REAUTHORIZATION_REQUIRED', retryable: false, everyMs: 600_000 },
])('a permanent $code is tried once in ten minutes', async ({ code, everyMs }) => {
  await using world = new World();
  world.wechat.always = new TokenError(code, 'no');
  const tokens = await world.registered();
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ code });
  await world.clock.advance(everyMs - 5_000);
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ code, retryAt: world.clock.now() + 5_000 });
  await world.clock.advance(4_999);
  expect(world.wechat.calls).toBe(1);
  await world.clock.advance(1);
  expect(world.wechat.calls).toBe(2);
});

test('a call before the next attempt is answered with the error at once, without a request', async () => {
  await using world = new World();
  world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125, rid: 'a-b-c' });
  const tokens = await world.registered();
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40125 });
  for (let round = 0; round < 100; round++) {
    await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({
      errcode: 40125,
      rid: 'a-b-c',
      appid: APPID,
      type: TYPE,
    });
  }
  expect(world.wechat.calls).toBe(1);
});

test('an attempt is made every 5 s while callers are rejected because of a passing failure', async () => {
  await using world = new World({ random: 0.999 });
  world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'down', { retryable: true });
  const tokens = await world.registered();
  await world.clock.advance(3_600_000);
  const before = world.wechat.calls;
  const refused: unknown[] = [];
  for (let second = 0; second < 60; second++) {
    void tokens.get(APPID, TYPE).catch((error: unknown) => refused.push(error));
    await world.clock.advance(1_000);
  }
  expect(world.wechat.calls - before).toBeGreaterThanOrEqual(11);
  expect(world.wechat.calls - before).toBeLessThanOrEqual(14);
  expect(refused.length).toBeGreaterThan(50);
});

test('an answer that does not extend the token is no news and is asked for again later', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const before = await tokens.getRecord(APPID, TYPE);
  world.wechat.always = async () => ({
    value: 'token-1',
    expiresInSeconds: Math.floor((before.expiresAt - world.clock.now()) / 1_000),
  });
  await world.clock.advance(LIFE_MS - 600_000);
  expect(world.wechat.calls).toBe(2);
  expect((await tokens.getRecord(APPID, TYPE)).version).toBe(before.version);
  await world.clock.advance(199_000);
  expect(world.wechat.calls).toBe(2);
  await world.clock.advance(2_000);
  expect(world.wechat.calls).toBe(3);
  expect(world.log).toEqual(['refreshed access_token upstream']);
});

test('an answer with the same value and a longer life is a new version and no event', async () => {
  await using world = new World();
  const tokens = await world.registered();
  const before = await tokens.getRecord(APPID, TYPE);
  world.wechat.always = { value: 'token-1' };
  await world.clock.advance(LIFE_MS - 600_000);
  const after = await tokens.getRecord(APPID, TYPE);
  expect(after.version).toBeGreaterThan(before.version);
  expect(after.expiresAt).toBeGreaterThan(before.expiresAt);
  expect(world.log).toEqual(['refreshed access_token upstream']);
});

test.each([
  ['an empty value', { value: '' }],
  ['no value', { value: undefined as unknown as string }],
  ['a number for a value', { value: 7 as unknown as string }],
  ['a value of 16,385 characters', { value: 'x'.repeat(16_385) }],
  ['a lifetime of zero', { expiresInSeconds: 0 }],
  ['a negative lifetime', { expiresInSeconds: -1 }],
  ['no lifetime', { expiresInSeconds: Number.NaN }],
  ['a lifetime of more than a year', { expiresInSeconds: 31_536_001 }],
])('%s is UPSTREAM_REJECTED and leaves the record alone', async (_name, grant) => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.next(grant);
  await expect(tokens.refresh(APPID, TYPE, { force: true })).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED' });
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
});

test('I8: a refresher that never settles costs its callers their deadline and no more', async () => {
  await using world = new World();
  world.wechat.always = () => new Promise(() => {});
  const tokens = await world.registered();
  const short = tokens.get(APPID, TYPE, { timeoutMs: 100 }).catch((error: unknown) => error);
  const long = tokens.get(APPID, TYPE).catch((error: unknown) => error);
  await world.clock.advance(100);
  expect(await short).toMatchObject({ code: 'TIMEOUT' });
  const patient = tokens.get(APPID, TYPE, { timeoutMs: 40_000 }).catch((error: unknown) => error);
  await world.clock.advance(24_900);
  expect(await long).toMatchObject({ code: 'TIMEOUT' });
  await world.clock.advance(15_000);
  expect(await patient).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
});

test('an aborted signal rejects its caller with the reason and leaves the refresh to the others', async () => {
  await using world = new World();
  let answer: (grant: { value: string }) => void = () => {};
  world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
  const tokens = await world.registered();
  const controller = new AbortController();
  const aborted = tokens.get(APPID, TYPE, { signal: controller.signal }).catch((error: unknown) => error);
  const patient = tokens.get(APPID, TYPE);
  await world.clock.advance(0);
  controller.abort(new Error('enough'));
  expect(await aborted).toMatchObject({ message: 'enough' });
  answer({ value: 'late' });
  expect(await patient).toBe('late');
  expect(world.wechat.calls).toBe(1);
  await expect(tokens.get(APPID, TYPE, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
});

test('I6: a background refresh that fails without a waiting caller causes no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  try {
    await using world = new World();
    world.wechat.always = new Error('the refresher broke');
    await world.registered();
    await world.clock.advance(60_000);
    expect(world.wechat.calls).toBeGreaterThan(3);
    expect(world.log).toContain('refreshFailed access_token UPSTREAM_UNAVAILABLE');
  } finally {
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
  }
  expect(unhandled).toEqual([]);
});

test('a call with minValidityMs causes one refresh in 30 s, then gets the longest-lived token', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await world.clock.advance(3_600_000);
  expect(await tokens.get(APPID, TYPE, { minValidityMs: 3_500_000 })).toBe('token-1');
  expect(await tokens.get(APPID, TYPE, { minValidityMs: 3_700_000 })).toBe('token-2');
  expect(await tokens.get(APPID, TYPE, { minValidityMs: 8_000_000 })).toBe('token-2');
  expect(world.wechat.calls).toBe(2);
  await world.clock.advance(30_000);
  expect(await tokens.get(APPID, TYPE, { minValidityMs: 8_000_000 })).toBe('token-3');
  expect(world.wechat.calls).toBe(3);
});

test('I7: close leaves no timer, and every later call is CLOSED', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await tokens.close();
  expect(world.clock.pendingTimers).toBe(0);
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(tokens.register({ appid: APPID })).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(tokens.start()).rejects.toMatchObject({ code: 'CLOSED' });
  expect(tokens.peek(APPID, TYPE)).toBeUndefined();
  await tokens.close();
});

test('close waits for a refresh whose request has been sent, and its token is stored', async () => {
  await using world = new World();
  let answer: (grant: { value: string }) => void = () => {};
  world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
  const tokens = await world.registered();
  const asked = tokens.get(APPID, TYPE);
  await world.clock.advance(0);
  const closed = tokens.close();
  await world.clock.advance(1_000);
  answer({ value: 'sent-before-close' });
  await closed;
  expect(await asked).toBe('sent-before-close');
  const next = world.manager();
  expect(await next.get(APPID, TYPE)).toBe('sent-before-close');
  expect(world.wechat.calls).toBe(1);
});

test('a manager that is closing answers nothing, hits included', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  world.wechat.next(() => new Promise(() => {}));
  void tokens.refresh(APPID, TYPE, { force: true }).catch(() => {});
  await world.clock.advance(0);
  const closed = tokens.close();
  await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ code: 'CLOSED' });
  expect(tokens.peek(APPID, TYPE)).toBeUndefined();
  await world.clock.advance(20_000);
  await closed;
});

test('I7: every step of closing is taken although one before it fails', async () => {
  const { world, store } = faulty();
  await using _ = world;
  const tokens = new TokenManager({ store, clock: world.clock, refreshers: [world.wechat] });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  let isClosed = false;
  store.before = (method) => {
    if (method !== 'close') return;
    isClosed = true;
    throw new Error('no');
  };
  await expect(tokens.close()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(isClosed).toBe(true);
  expect(world.clock.pendingTimers).toBe(0);
});

test.each<[string, Partial<Grant>]>([
  ['is due at once', { dueInSeconds: 0 }],
  ['repeats itself and is due at once', { value: 'same', dueInSeconds: 0 }],
  ['has ended already', { obtainedAt: 1_700_000_000 }],
  ['lives for a second', { expiresInSeconds: 1 }],
])('I10: an answer that %s makes no tight loop', async (_name, grant) => {
  await using world = new World();
  world.wechat.always = grant;
  const tokens = await world.registered();
  for (let second = 0; second < 60; second++) {
    void tokens.get(APPID, TYPE).catch(() => {});
    await world.clock.advance(1_000);
  }
  expect(world.wechat.calls).toBeLessThanOrEqual(120);
  const before = world.wechat.calls;
  await tokens.unregister(APPID);
  await world.clock.advance(60_000);
  expect(world.wechat.calls).toBe(before);
});

test.each([
  { retryAt: Number.NaN, hours: 4 },
  { retryAt: -1, hours: 4 },
  { retryAt: 0, hours: 4 },
  { retryAt: 1e300, hours: 24 },
])('I10: a retryAt of $retryAt is no reason to stop or to hurry', async ({ retryAt, hours }) => {
  await using world = new World();
  world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'down', { retryable: true, retryAt });
  await world.registered();
  // A shared schedule may be late by a look.
  await world.clock.advance(hours * 3_600_000 + 5_000);
  expect(world.wechat.calls).toBeGreaterThanOrEqual(2);
  expect(world.wechat.calls).toBeLessThan(hours * 150);
});

test('a minValidityMs that no token satisfies is tried less and less often, within the quota of a day', async () => {
  await using world = new World();
  const tokens = await world.registered();
  for (let minute = 0; minute < 24 * 60; minute++) {
    void tokens.get(APPID, TYPE, { minValidityMs: LIFE_MS }).catch(() => {});
    await world.clock.advance(60_000);
  }
  expect(world.wechat.calls).toBeGreaterThan(12);
  expect(world.wechat.calls).toBeLessThan(300);
});

function faulty(): { world: World; store: FaultyStore } {
  let store: FaultyStore | undefined;
  const world = new World({ store: (memory) => (store = new FaultyStore(memory)) });
  return { world, store: store as FaultyStore };
}
