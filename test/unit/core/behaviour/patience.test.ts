import { describe, expect, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { defineRefresher, TokenError, type TokenManager } from '../../../../src/index.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const BUSY = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { errcode: -1, retryable: true });

/** Says what came of a call, and after how many milliseconds. */
function timed(world: World, call: Promise<string>): { outcome: string | undefined; afterMs: number } {
  const begun = world.clock.monotonic();
  const told = { outcome: undefined as string | undefined, afterMs: 0 };
  const settle = (outcome: string): void => {
    told.outcome = outcome;
    told.afterMs = world.clock.monotonic() - begun;
  };
  call.then(settle, ({ code }: TokenError) => settle(code));
  return told;
}

async function cold(world: World): Promise<TokenManager> {
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET });
  return tokens;
}

describe('callers without a token', () => {
  test.each<[string, TokenError]>([
    ['a busy WeChat', BUSY],
    ['a broken connection', new TokenError('UPSTREAM_UNAVAILABLE', 'broke', { retryable: true })],
    ['a failed connection', new TokenError('UPSTREAM_UNAVAILABLE', 'refused', { retryable: true, hostOnly: true })],
    ['an unknown code', new TokenError('UPSTREAM_REJECTED', 'odd', { errcode: 61_450, retryable: true })],
  ])('a caller without a token waits for the next attempt after %s, the first like the second', async (_, error) => {
    await using world = new World();
    const tokens = await cold(world);
    world.wechat.next(error);
    const first = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(100);
    const second = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(199);
    expect([first, second]).toEqual([
      { outcome: 'token-1', afterMs: 200 },
      { outcome: 'token-1', afterMs: 100 },
    ]);
    expect(world.wechat.calls).toBe(2);
  });

  test('a caller without a token waits for one attempt beyond the one it joined, and then gets the failure', async () => {
    await using world = new World();
    const tokens = await cold(world);
    world.wechat.always = BUSY;
    const failed = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(200);
    expect(failed).toEqual({ outcome: 'UPSTREAM_UNAVAILABLE', afterMs: 200 });
    expect(world.wechat.calls).toBe(2);
  });

  test('a caller that comes between two attempts waits for one', async () => {
    await using world = new World();
    const tokens = await cold(world);
    world.wechat.always = BUSY;
    timed(world, tokens.get(APPID, TYPE, { timeoutMs: 1 }));
    await world.clock.advance(50);
    const late = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(150);
    expect(late).toEqual({ outcome: 'UPSTREAM_UNAVAILABLE', afterMs: 150 });
    expect(world.wechat.calls).toBe(2);
  });

  test.each([
    ['gets the token of the next one', 1, 'token-1', 170],
    ['gets the failure of the next one', 2, 'UPSTREAM_UNAVAILABLE', 220],
  ])(
    'a caller that comes while a failed attempt is being stored %s, like the one before it',
    async (_, failures, outcome, afterMs) => {
      await using world = new World({ store: (store) => new FaultyStore(store) });
      const tokens = await cold(world);
      world.wechat.next(...new Array<TokenError>(failures).fill(BUSY));
      (world.store as FaultyStore).before = async (method, id) => {
        const isFailure = method === 'set' && id?.startsWith('key/') === true && world.wechat.calls <= failures;
        if (isFailure) await wait(world.clock, 50, { ref: true });
      };
      const early = timed(world, tokens.get(APPID, TYPE));
      await world.clock.advance(30);
      const late = timed(world, tokens.get(APPID, TYPE));
      await world.clock.advance(1_000);
      expect([early, late]).toEqual([
        { outcome, afterMs: afterMs + 30 },
        { outcome, afterMs },
      ]);
      expect(world.wechat.calls).toBe(2);
    },
  );

  test('a caller that comes while a refusal is being stored gets it once the store has it', async () => {
    await using world = new World({ store: (store) => new FaultyStore(store) });
    const tokens = await cold(world);
    world.wechat.next(new TokenError('UPSTREAM_REJECTED', 'wrong secret', { errcode: 40_125 }));
    (world.store as FaultyStore).before = async (method, id) => {
      if (method === 'set' && id?.startsWith('key/') === true) await wait(world.clock, 50, { ref: true });
    };
    const early = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(30);
    const late = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(1_000);
    expect([early, late]).toEqual([
      { outcome: 'UPSTREAM_REJECTED', afterMs: 50 },
      { outcome: 'UPSTREAM_REJECTED', afterMs: 20 },
    ]);
    expect(world.wechat.calls).toBe(1);
  });

  test('callers of several processes that wait for the same attempt get its failure, whichever process makes it', async () => {
    await using world = new World();
    world.wechat.always = BUSY;
    const processes = [0, 1, 2, 3].map(() => world.manager({ store: shared(world.store) }));
    for (const tokens of processes) {
      await world.within(1_000, tokens.register({ appid: APPID, secret: SECRET }));
      await world.within(1_000, tokens.start());
    }
    for (let round = 0; round < 10; round++) {
      const calls = processes.map((tokens) => timed(world, tokens.get(APPID, TYPE)));
      await world.clock.advance(12_000);
      expect(calls.map(({ outcome }) => outcome)).toEqual(calls.map(() => 'UPSTREAM_UNAVAILABLE'));
      expect(Math.max(...calls.map(({ afterMs }) => afterMs))).toBeLessThan(6_000);
    }
  });

  test.each([
    [4_999, 'token-1'],
    [5_000, 'QUOTA_EXHAUSTED'],
    [5_001, 'QUOTA_EXHAUSTED'],
  ])('a caller whose next attempt is %i ms away gets %s', async (ms, outcome) => {
    await using world = new World();
    const tokens = await cold(world);
    const retryAt = world.clock.now() + ms;
    world.wechat.next(new TokenError('QUOTA_EXHAUSTED', 'enough', { retryable: true, retryAt }));
    const got = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(6_000);
    expect(got).toEqual({ outcome, afterMs: outcome === 'token-1' ? ms : 0 });
  });

  test.each([
    [199, 'UPSTREAM_UNAVAILABLE', 0],
    [200, 'UPSTREAM_UNAVAILABLE', 0],
    [201, 'token-1', 200],
  ])('a caller with %i ms, whose next attempt is 200 ms away, gets %s', async (timeoutMs, outcome, afterMs) => {
    await using world = new World();
    const tokens = await cold(world);
    world.wechat.next(BUSY);
    const got = timed(world, tokens.get(APPID, TYPE, { timeoutMs }));
    await world.clock.advance(300);
    expect(got).toEqual({ outcome, afterMs });
  });

  test('a caller with a timeoutMs of 0 never waits', async () => {
    await using world = new World();
    const tokens = await cold(world);
    world.wechat.always = BUSY;
    for (let time = 0; time < 3; time++) {
      const got = timed(world, tokens.get(APPID, TYPE, { timeoutMs: 0 }));
      await world.clock.advance(0);
      expect(got).toMatchObject({ afterMs: 0, outcome: expect.stringMatching(/^TIMEOUT$|^UPSTREAM_UNAVAILABLE$/) });
    }
    expect(world.wechat.calls).toBe(1);
  });

  test('a caller that gives up leaves the attempt to the others', async () => {
    await using world = new World();
    const tokens = await cold(world);
    world.wechat.next(BUSY);
    const controller = new AbortController();
    const impatient = tokens.get(APPID, TYPE, { signal: controller.signal }).catch((error: unknown) => error);
    const patient = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(100);
    controller.abort(new Error('enough'));
    expect(await impatient).toMatchObject({ message: 'enough' });
    await world.clock.advance(100);
    expect(patient).toEqual({ outcome: 'token-1', afterMs: 200 });
  });

  test('a caller without a token waits for a dependency that has failed once', async () => {
    await using world = new World();
    const ticket = defineRefresher({
      type: 'ticket',
      dependsOn: ({ appid }) => [{ appid, type: TYPE }],
      refresh: async ({ key: { appid }, token }) => ({
        value: `ticket of ${await token({ appid, type: TYPE })}`,
        expiresInSeconds: 7_200,
      }),
    });
    const tokens = world.manager<'ticket'>({ refreshers: [world.wechat as never, ticket] });
    await tokens.register({ appid: APPID, secret: SECRET });
    world.wechat.next(BUSY);
    const got = timed(world, tokens.get(APPID, 'ticket'));
    await world.clock.advance(200);
    expect(got).toEqual({ outcome: 'ticket of token-1', afterMs: 200 });
  });

  test('a caller without a token gets a refusal at once', async () => {
    await using world = new World();
    const tokens = await cold(world);
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'wrong', { errcode: 40_125 });
    const refused = timed(world, tokens.get(APPID, TYPE));
    await world.clock.advance(10_000);
    expect(refused).toEqual({ outcome: 'UPSTREAM_REJECTED', afterMs: 0 });
    expect(world.wechat.calls).toBe(1);
  });
});
