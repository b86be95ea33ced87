import { describe, expect, test } from 'vitest';
import { TokenError, type TokenManager } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { ownScheduleTest } from '../../../support/worlds/fleet-mode.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const LIFE_MS = 7_200_000;
const ANSWER_MS = 300;

/** Processes that hear of nothing that the others do: what they know of one another they read in the store. */
class DeafWorld extends World {
  constructor() {
    super({ random: 0.5 });
    this.wechat.always = () => this.answer({});
  }

  /** WeChat's answer, which takes its time. */
  async answer(grant: object): Promise<object> {
    await new Promise<void>((resolve) => void this.clock.setTimer(resolve, ANSWER_MS));
    return grant;
  }

  async fail(error: TokenError): Promise<never> {
    await this.answer({});
    throw error;
  }

  async process({ hasTask = true } = {}): Promise<TokenManager> {
    const tokens = this.manager({ store: { ...shared(this.store), watch: async () => async () => {} } });
    await tokens.register({ appid: APPID, secret: SECRET, tasks: hasTask ? [TYPE] : [] });
    return tokens;
  }

  async two(options?: { hasTask: boolean }): Promise<[TokenManager, TokenManager]> {
    return [await this.process(options), await this.process(options)];
  }

  /** What came of promises, once enough time has passed for all of them. */
  async outcomes(promises: readonly Promise<unknown>[], ms = 5_000): Promise<unknown[]> {
    const settled = Promise.all(promises.map((promise) => promise.catch((error: TokenError) => error.code)));
    await this.clock.advance(ms);
    return settled;
  }

  announced(source: string): number {
    return this.log.filter((line) => line === `refreshed ${TYPE} ${source}`).length;
  }
}

describe('a lease that another process holds', () => {
  test.each([
    [true, 1],
    [false, 0],
  ])(
    'I2: a caller takes what the holder of the lease stores; with a task (%s) it is announced',
    async (hasTask, announced) => {
      await using world = new DeafWorld();
      const [one, other] = await world.two({ hasTask });
      const got = await world.outcomes([one.get(APPID, TYPE), other.get(APPID, TYPE)], 1_000);
      expect(got).toEqual(['token-1', 'token-1']);
      expect(world.wechat.calls).toBe(1);
      expect([world.announced('upstream'), world.announced('store')]).toEqual([1, announced]);
    },
  );

  ownScheduleTest('I2: a refresh that is due takes what the holder of the lease stores', async () => {
    await using world = new DeafWorld();
    const [one, other] = await world.two();
    await world.clock.advance(LIFE_MS);
    expect(world.wechat.calls).toBe(2);
    expect([one.peek(APPID, TYPE)?.value, other.peek(APPID, TYPE)?.value]).toEqual(['token-2', 'token-2']);
  });

  test('a due refresh makes no request when the holder of the lease got a repeated token and moved its due', async () => {
    await using world = new DeafWorld();
    const [one] = await world.two();
    await world.clock.advance(1_000);
    world.wechat.always = async ({ previous }) => {
      const left = ((previous?.expiresAt ?? 0) - world.clock.now()) / 1_000;
      return world.answer({ value: 'token-1', expiresInSeconds: Math.floor(left) });
    };
    const dueInMs = LIFE_MS - 600_000;
    await world.clock.advance(dueInMs + 10_000);
    expect(world.wechat.calls).toBe(2);
    expect(one.peek(APPID, TYPE)?.value).toBe('token-1');
  });

  test('I2: two stale reports of one token in two processes make one fetch', async () => {
    await using world = new DeafWorld();
    const [one, other] = await world.two();
    await world.clock.advance(5_000);
    const reports = [one, other].map((tokens) => tokens.refresh(APPID, TYPE, { stale: 'token-1' }));
    expect(await world.outcomes(reports)).toEqual(['token-2', 'token-2']);
    expect(world.wechat.calls).toBe(2);
  });

  test('I2: two forced refreshes in two processes make one fetch', async () => {
    await using world = new DeafWorld();
    const [one, other] = await world.two();
    await world.clock.advance(5_000);
    const forced = [one, other].map((tokens) => tokens.refresh(APPID, TYPE, { force: true }));
    expect(await world.outcomes(forced)).toEqual(['token-2', 'token-2']);
    expect(world.wechat.calls).toBe(2);
  });

  test('I10: a refusal that the holder of the lease stores is the answer here too, without another call', async () => {
    await using world = new DeafWorld();
    world.wechat.always = () => world.fail(new TokenError('UPSTREAM_REJECTED', 'wrong', { errcode: 40125 }));
    const [one, other] = await world.two();
    expect(await world.outcomes([one.get(APPID, TYPE), other.get(APPID, TYPE)])).toEqual([
      'UPSTREAM_REJECTED',
      'UPSTREAM_REJECTED',
    ]);
    await world.clock.advance(500_000);
    expect(world.wechat.calls).toBe(1);
  });

  test('I10: a passing failure that the holder of the lease stores makes a caller share the next attempt', async () => {
    await using world = new DeafWorld();
    const [one, other] = await world.two({ hasTask: false });
    world.wechat.next(() => world.fail(new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { retryable: true })));
    const first = one.get(APPID, TYPE);
    const second = other.get(APPID, TYPE);
    expect(await world.outcomes([first, second])).toEqual(['token-1', 'token-1']);
    expect(world.wechat.calls).toBe(2);
  });

  test('I7: close ends the wait for a lease that another process holds', async () => {
    await using world = new DeafWorld();
    world.wechat.always = () => new Promise(() => {});
    const [one, other] = await world.two({ hasTask: false });
    const held = one.get(APPID, TYPE).catch(() => {});
    await world.clock.advance(100);
    const waiting = other.get(APPID, TYPE);
    await world.clock.advance(100);
    const closed = other.close();
    expect(await world.outcomes([waiting], 300)).toEqual(['CLOSED']);
    await closed;
    expect(world.wechat.calls).toBe(1);
    await world.clock.advance(25_000);
    await held;
  });
});

describe('calls after a failure', () => {
  test('a caller after a failure waits for one near attempt, and the one after that is not made for it', async () => {
    await using world = new DeafWorld();
    const tokens = await world.process({ hasTask: false });
    world.wechat.always = () => world.fail(new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { retryable: true }));
    expect(await world.outcomes([tokens.get(APPID, TYPE)])).toEqual(['UPSTREAM_UNAVAILABLE']);
    expect(world.wechat.calls).toBe(2);
    world.wechat.always = () => world.fail(new TokenError('UPSTREAM_REJECTED', 'wrong', { errcode: 40125 }));
    expect(await world.outcomes([tokens.get(APPID, TYPE)])).toEqual(['UPSTREAM_REJECTED']);
    expect(await world.outcomes([tokens.get(APPID, TYPE)])).toEqual(['UPSTREAM_REJECTED']);
    expect(world.wechat.calls).toBe(3);
  });

  test('a refresh that is due fails at once in the background while it cools down', async () => {
    await using world = new DeafWorld();
    const tokens = await world.process();
    await world.clock.advance(1_000);
    world.wechat.always = () => world.fail(new TokenError('UPSTREAM_REJECTED', 'wrong', { errcode: 40125 }));
    await world.clock.advance(LIFE_MS - 600_000);
    const { calls } = world.wechat;
    expect(calls).toBe(2);
    expect(await tokens.get(APPID, TYPE)).toBe('token-1');
    await world.clock.advance(299_000);
    expect(world.wechat.calls).toBe(calls);
    await world.clock.advance(5_000);
    expect(world.wechat.calls).toBe(calls + 1);
  });
});

test('a login is stored although another process writes beside it ten times', async () => {
  await using world = new World();
  const tokens = await world.registered();
  await tokens.get(APPID, TYPE);
  await world.clock.advance(1_000);
  const { set } = world.store;
  const id = `key/${APPID}/${TYPE}`;
  let writes = 0;
  world.store.set = async (of, data, expected, options) => {
    if (of === id && writes < 10) {
      writes += 1;
      const [document] = await world.store.get([id]);
      if (document !== undefined) {
        await set.call(world.store, id, document.data, document.version, document.due && { due: document.due });
      }
    }
    return set.call(world.store, of, data, expected, options);
  };
  const login = { value: 'login', expiresInSeconds: 7_200 };
  expect((await world.within(10_000, tokens.put(APPID, TYPE, login))).value).toBe('login');
  expect(writes).toBe(10);
});
