import { describe, expect, test } from 'vitest';
import { type TokenError, TokenManager } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { FleetWorld, keyOf, type Process, seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;

/** One that refreshes, with a token, and one that follows. */
async function pair(world: FleetWorld): Promise<{ refresher: Process; follower: Process }> {
  const refresher = await world.started();
  await world.register(refresher.tokens, APPID);
  await refresher.tokens.get(APPID, TYPE);
  return { refresher, follower: await world.started({ refresh: 'never' }) };
}

/** What has come of a promise once `ms` have passed. */
async function outcomeAfter(world: World, ms: number, promise: Promise<string>): Promise<string> {
  const outcome = promise.catch((error: TokenError) => error.code);
  await world.clock.advance(ms);
  return outcome;
}

describe('a process with refresh: never', () => {
  test('a follower answers from the store, then from memory, and never takes part in refreshing', async () => {
    await using world = new FleetWorld({ random: seeded(1) });
    const { refresher, follower } = await pair(world);
    expect(await follower.tokens.get(APPID, TYPE)).toBe('token-1');
    const commands = follower.way.calls.length;
    for (let hit = 0; hit < 100; hit++) expect(await follower.tokens.get(APPID, TYPE)).toBe('token-1');
    expect(follower.way.calls).toHaveLength(commands);
    await world.clock.advance(2 * LIFE_MS);
    const value = (await refresher.tokens.getRecord(APPID, TYPE)).value;
    expect(await outcomeAfter(world, 1_000, follower.tokens.get(APPID, TYPE))).toBe(value);
    expect(follower.way.calls).not.toContain('claimDue');
    expect(follower.way.calls).not.toContain('lease');
  });

  test('a follower without a token rejects with REFRESH_DISABLED within the deadline, without calling WeChat', async () => {
    await using world = new FleetWorld();
    const follower = await world.started({ refresh: 'never' });
    await follower.tokens.register({ appid: APPID, secret: SECRET });
    await expect(follower.tokens.get(APPID, TYPE)).rejects.toMatchObject({
      code: 'REFRESH_DISABLED',
      appid: APPID,
      type: TYPE,
    });
    await expect(follower.tokens.get('unknown', TYPE)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
    expect(world.wechat.calls).toBe(0);
  });

  test('a follower registers a task that the others fetch', async () => {
    await using world = new FleetWorld();
    await world.started();
    const follower = await world.started({ refresh: 'never' });
    await world.register(follower.tokens, APPID);
    await world.clock.advance(3_000);
    expect(await follower.tokens.get(APPID, TYPE)).toBe('token-1');
  });

  test('a follower rejects a forced refresh', async () => {
    await using world = new FleetWorld();
    const { follower } = await pair(world);
    await expect(follower.tokens.refresh(APPID, TYPE, { force: true })).rejects.toMatchObject({
      code: 'REFRESH_DISABLED',
      retryable: true,
    });
    expect(world.wechat.calls).toBe(1);
  });

  test('a follower answers hits while the store is unavailable, and rejects the rest with STORE_UNAVAILABLE', async () => {
    await using world = new FleetWorld();
    const { refresher, follower } = await pair(world);
    await world.register(refresher.tokens, 'cold');
    await follower.tokens.get(APPID, TYPE);
    follower.way.before = (method) => {
      if (method !== 'close') throw new Error('away');
    };
    expect(await follower.tokens.get(APPID, TYPE)).toBe('token-1');
    await expect(follower.tokens.get('cold', TYPE)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(follower.tokens.refresh(APPID, TYPE, { stale: 'token-1' })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });
});

describe('stale reports of followers', () => {
  test('a stale report is handled by a refreshing process in about a second, and gets the new token', async () => {
    await using world = new FleetWorld({ random: seeded(2) });
    const { follower } = await pair(world);
    expect(await outcomeAfter(world, 3_000, follower.tokens.refresh(APPID, TYPE, { stale: 'token-1' }))).toBe(
      'token-2',
    );
    expect(world.wechat.asked.map(({ reason, stale }) => [reason, stale]).at(-1)).toEqual(['stale', 'token-1']);
    expect((await world.document(keyOf(APPID)))?.data).not.toHaveProperty('report');
  });

  test('I2: stale reports of two followers make one fetch', async () => {
    await using world = new FleetWorld({ random: seeded(3) });
    const { follower } = await pair(world);
    const another = await world.started({ refresh: 'never' });
    const reports = [follower, another].map(({ tokens }) => tokens.refresh(APPID, TYPE, { stale: 'token-1' }));
    await world.clock.advance(5_000);
    expect(await Promise.all(reports)).toEqual(['token-2', 'token-2']);
    expect(world.wechat.calls).toBe(2);
  });

  test('a stale report of a token that was replaced gets the new one, without a call to WeChat', async () => {
    await using world = new FleetWorld();
    const { refresher, follower } = await pair(world);
    await follower.tokens.get(APPID, TYPE);
    await refresher.tokens.refresh(APPID, TYPE, { force: true });
    await world.clock.advance(0);
    expect(await follower.tokens.refresh(APPID, TYPE, { stale: 'token-1' })).toBe('token-2');
    expect(world.wechat.calls).toBe(2);
  });

  test('a stale report that the limit of reports refuses gets the current token', async () => {
    await using world = new FleetWorld({ random: seeded(4) });
    const { follower } = await pair(world);
    expect(await outcomeAfter(world, 3_000, follower.tokens.refresh(APPID, TYPE, { stale: 'token-1' }))).toBe(
      'token-2',
    );
    expect(await outcomeAfter(world, 20_000, follower.tokens.refresh(APPID, TYPE, { stale: 'token-2' }))).toBe(
      'token-2',
    );
    expect(world.wechat.calls).toBe(2);
    const { due } = (await world.document(keyOf(APPID))) ?? {};
    expect(due?.at).toBeGreaterThan(world.clock.now() + 3_600_000);
  });

  test('a stale report of a key without a task fails with REFRESH_DISABLED, since no process refreshes it', async () => {
    await using world = new FleetWorld();
    const refresher = await world.started();
    await refresher.tokens.register({ appid: APPID, secret: SECRET });
    await refresher.tokens.get(APPID, TYPE);
    const follower = await world.started({ refresh: 'never' });
    await expect(follower.tokens.refresh(APPID, TYPE, { stale: 'token-1' })).rejects.toMatchObject({
      code: 'REFRESH_DISABLED',
      message: /without a task/,
    });
  });

  test('I8: a stale report fails at its deadline if no process handles it, and stays in the store', async () => {
    await using world = new FleetWorld();
    const { refresher, follower } = await pair(world);
    await refresher.tokens.close();
    const report = follower.tokens.refresh(APPID, TYPE, { stale: 'token-1', timeoutMs: 5_000 });
    expect(await outcomeAfter(world, 5_000, report)).toBe('TIMEOUT');
    await world.started();
    await world.clock.advance(3_000);
    expect(world.wechat.calls).toBe(2);
  });

  test('a stale report outlasts a process that can do nothing for the key', async () => {
    await using world = new FleetWorld({ random: seeded(5) });
    const params = () => ({});
    const before = world.process();
    await before.tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params }] });
    await before.tokens.get(APPID, TYPE);
    await before.tokens.close();
    await world.started();
    const follower = await world.started({ refresh: 'never' });
    const report = follower.tokens.refresh(APPID, TYPE, { stale: 'token-1', timeoutMs: 21_000 });
    await world.clock.advance(10_000);
    expect((await world.document(keyOf(APPID)))?.data).toHaveProperty('report');
    const able = world.process();
    await able.tokens.register({ appid: APPID, tasks: [{ type: TYPE, params }] });
    expect(await outcomeAfter(world, 10_000, report)).toBe('token-2');
    expect(world.wechat.calls).toBe(2);
  });

  test('a stale report is handled on a store without claimDue, too', async () => {
    await using world = new World({ fleet: false });
    const refresher = await world.registered();
    await refresher.get(APPID, TYPE);
    const follower = new TokenManager({
      store: shared(world.store),
      clock: world.clock,
      refresh: 'never',
      refreshers: [world.wechat],
    });
    await follower.start();
    expect(await outcomeAfter(world, 3_000, follower.refresh(APPID, TYPE, { stale: 'token-1' }))).toBe('token-2');
    expect(world.wechat.calls).toBe(2);
    await follower.close();
  });
});
