import { describe, expect, test } from 'vitest';
import { type Grant, TokenError, type TokenManager } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { faulty, ID, LIFE_MS, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const SECOND_USER = { subject: 'openid-2' };

async function expectKept(world: RotatingWorld, sent: readonly string[]): Promise<void> {
  expect(world.upstream.sent).toEqual(sent);
  expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  expect(world.reauthorizations()).toBe(0);
}

/** A refresher whose first answer is of no use but for the refresh token in it. */
function spoilOnce(world: RotatingWorld): void {
  world.upstream.change = () => {
    world.upstream.change = () => ({});
    return { expiresInSeconds: -1 };
  };
}

describe('refresh tokens of attempts that fail for another reason', () => {
  test.each([
    ['WeChat refuses the ticket of the platform', { errcode: 61006 }],
    ['the refresher misses something', {}],
  ])('a refresh token is sent again where %s', async (_, facts) => {
    await using world = new RotatingWorld();
    world.upstream.arriving = () => {
      throw new TokenError('INPUT_MISSING', 'something else', facts);
    };
    const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
    await expect(world.within(1_000, tokens.get(APPID, TYPE, USER))).rejects.toMatchObject({ code: 'INPUT_MISSING' });
    world.upstream.arriving = () => {};
    await world.clock.advance(620_000);
    expect(await tokens.get(APPID, TYPE, USER)).toBe('token of refresh-2 2');
    await expectKept(world, ['refresh-1', 'refresh-1']);
  });
});

describe('I3: refresh tokens of answers that are of no other use', () => {
  test('I3: the refresh token of an unusable answer is kept when the first write of it fails', async () => {
    const { world, store } = faulty();
    await using _ = world;
    spoilOnce(world);
    world.upstream.answering = () => {
      world.upstream.answering = () => {};
      store.before = (method, id) => {
        if (method !== 'set' || id !== ID) return;
        store.before = () => {};
        throw new Error('a hiccup');
      };
    };
    const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
    expect(await world.within(5_000, tokens.get(APPID, TYPE, USER))).toBe('token of refresh-3 2');
    await expectKept(world, ['refresh-1', 'refresh-2']);
  });

  test('I3: the refresh token of an unusable answer is kept when a token alone is put meanwhile', async () => {
    await using world = new RotatingWorld();
    spoilOnce(world);
    const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
    world.upstream.answering = async () => {
      world.upstream.answering = () => {};
      await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 60 }, USER);
    };
    await world.within(180_000, tokens.get(APPID, TYPE, USER));
    await expectKept(world, ['refresh-1', 'refresh-2']);
  });

  test.each([true, false])(
    'I3: the refresh token of an unusable answer is kept when the store fails for 10 s; closed at its end: %s',
    async (closes) => {
      const { world, store } = faulty();
      await using _ = world;
      spoilOnce(world);
      world.upstream.answering = () => {
        world.upstream.answering = () => {};
        store.before = (method, id) => {
          if (method === 'set' && id === ID) throw new Error('full');
        };
      };
      const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
      await tokens.get(APPID, TYPE, USER).catch(() => {});
      await world.clock.advance(closes ? 500 : 10_000);
      store.before = () => {};
      if (closes) await tokens.close();
      else await world.clock.advance(120_000);
      await expectKept(world, closes ? ['refresh-1'] : ['refresh-1', 'refresh-2']);
    },
  );

  test.each([0, -1, Number.NaN, 315_360_001, null, 'never'])(
    'I3: the refresh token of an answer is kept when it says that it lives for %s s',
    async (life) => {
      await using world = new RotatingWorld();
      world.upstream.refreshTokenExpiresInSeconds = life as number;
      const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
      await expect(tokens.get(APPID, TYPE, { ...USER, timeoutMs: 200 })).rejects.toMatchObject({
        code: 'UPSTREAM_REJECTED',
      });
      world.upstream.refreshTokenExpiresInSeconds = undefined;
      await world.clock.advance(120_000);
      await expectKept(world, ['refresh-1', 'refresh-2']);
    },
  );
});

describe('I3: refresh tokens of answers that come after their attempt', () => {
  /** Answers the first request after so many milliseconds. */
  function answerLate(world: RotatingWorld, ms: number): void {
    world.upstream.answering = () => {
      world.upstream.answering = () => {};
      return new Promise<void>((resolve) => void world.clock.setTimer(resolve, ms));
    };
  }

  test.each([15_001, 18_000, 60_000])(
    'I3: the refresh token of a late answer is stored after %i ms, and used',
    async (ms) => {
      await using world = new RotatingWorld();
      answerLate(world, ms);
      const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
      await world.clock.advance(ms + 60_000);
      expect(world.upstream.sent).toContain('refresh-2');
      expect(tokens.peek(APPID, TYPE, USER)).toBeDefined();
      expect(world.upstream.isGood(await world.storedToken())).toBe(true);
    },
  );

  test('I3: the refresh token of a late answer is stored when the store takes writes again', async () => {
    const { world, store } = faulty();
    await using _ = world;
    answerLate(world, 18_000);
    await world.withTask({ refresh_token: world.upstream.authorize() });
    await world.clock.advance(17_000);
    store.before = (method, id) => {
      if (method === 'set' && id === ID) throw new Error('full');
    };
    await world.clock.advance(10_000);
    expect(await world.storedToken()).not.toBe('refresh-2');
    store.before = () => {};
    await world.clock.advance(61_000);
    expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  });

  test('I3: the refresh token of a late answer is dropped when another one has been stored meanwhile', async () => {
    await using world = new RotatingWorld();
    answerLate(world, 18_000);
    const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
    await world.clock.advance(16_000);
    const refreshToken = world.upstream.authorize();
    await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200, refreshToken }, USER);
    await world.clock.advance(10_000);
    expect(await world.storedToken()).toBe(refreshToken);
    expect(tokens.peek(APPID, TYPE, USER)?.value).toBe('put');
  });

  test('I3: the refresh token of a late answer is dropped when its app was unregistered, or the manager closed', async () => {
    await using world = new RotatingWorld();
    answerLate(world, 18_000);
    const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
    await world.clock.advance(16_000);
    await tokens.unregister(APPID);
    await world.clock.advance(10_000);
    expect(await world.stored()).toBeUndefined();
    answerLate(world, 18_000);
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await world.clock.advance(16_000);
    await tokens.close();
    expect(world.clock.pendingTimers).toBe(1);
    await world.clock.advance(10_000);
    expect(world.clock.pendingTimers).toBe(0);
  });
});

test('I3: a registration that fails half-way and is undone loses no refresh token that was used meanwhile', async () => {
  const { world, store } = faulty();
  await using _ = world;
  const tokens = world.process();
  await tokens.register({ appid: APPID, secret: SECRET });
  const params = { refresh_token: world.upstream.authorize() };
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    return new Promise<void>((resolve) => void world.clock.setTimer(resolve, 2_500));
  };
  store.before = (method, id) => {
    const hangs = method === 'set' && id === `task/${APPID}/${TYPE}/openid-2`;
    return hangs ? new Promise(() => {}) : undefined;
  };
  const tasks = [
    { type: TYPE, ...USER, params },
    { type: TYPE, ...SECOND_USER, params: { refresh_token: 'other' } },
  ] as const;
  const failed = expect(tokens.register({ appid: APPID, tasks })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await world.clock.advance(10_000);
  await failed;
  store.before = () => {};
  await world.register(tokens, params);
  await world.clock.advance(60_000);
  await expectKept(world, [...new Set(world.upstream.sent)]);
  expect(world.upstream.sent[0]).toBe('refresh-1');
});

test('a refused refresh token is sent again once it is put again', async () => {
  await using world = new RotatingWorld();
  world.upstream.mode = 'kept';
  const refreshToken = world.upstream.authorize();
  const tokens = await world.withTask({ refresh_token: refreshToken });
  await tokens.get(APPID, TYPE, USER);
  const { isGood } = world.upstream;
  world.upstream.isGood = () => false;
  await world.clock.advance(LIFE_MS);
  world.upstream.isGood = isGood;
  await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200, refreshToken }, USER);
  const sent = world.upstream.sent.length;
  await world.clock.advance(LIFE_MS);
  expect(world.upstream.sent).toHaveLength(sent + 1);
  expect(tokens.peek(APPID, TYPE, USER)?.value).toMatch(/^token of/);
});

test('I4: a put while the params are being sent is not undone by them afterwards', async () => {
  await using world = new RotatingWorld();
  world.upstream.mode = 'kept';
  const old = world.upstream.authorize();
  const tokens = await world.withTask({ refresh_token: old });
  let login = '';
  world.upstream.answering = async () => {
    world.upstream.answering = () => {};
    login = world.upstream.authorize();
    await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200, refreshToken: login }, USER);
  };
  await tokens.get(APPID, TYPE, USER);
  await world.clock.advance(LIFE_MS);
  expect(world.upstream.sent).toEqual([old, login]);
  expect(await world.storedToken()).toBe(login);
});

test('a put with an older grant still stores its refresh token where the stored one is dead', async () => {
  await using world = new RotatingWorld();
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  const stale = await tokens.get(APPID, TYPE, USER);
  world.upstream.withdraw();
  await world.clock.advance(60_000);
  await tokens.refresh(APPID, TYPE, { ...USER, stale }).catch(() => {});
  const refreshToken = world.upstream.authorize();
  const obtainedAt = world.clock.now() - 90_000;
  await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200, refreshToken, obtainedAt }, USER);
  expect(await world.storedToken()).toBe(refreshToken);
  await world.clock.advance(LIFE_MS);
  expect(tokens.peek(APPID, TYPE, USER)).toBeDefined();
});

test('a put with a name that no grant has is rejected, since it may be a misspelt refresh token', async () => {
  await using world = new RotatingWorld();
  const tokens = world.process();
  await tokens.register({ appid: APPID, secret: SECRET });
  const grant = { value: 'v', expiresInSeconds: 7_200, refresh_token: 'CANARY' } as unknown as Grant;
  await expect(tokens.put(APPID, TYPE, grant, USER)).rejects.toThrow(
    'a grant: unknown name "refresh_token", expected one of value,',
  );
});

test.each([null, '', 7])('params that offer %s do no harm where the store has a refresh token', async (offer) => {
  await using world = new RotatingWorld();
  let offered: unknown = world.upstream.authorize();
  const tokens = await world.withTask(() => ({ refresh_token: offered }));
  await tokens.get(APPID, TYPE, USER);
  offered = offer;
  await world.clock.advance(2 * LIFE_MS);
  expect(tokens.peek(APPID, TYPE, USER)).toBeDefined();
});

test('I3: a slow store that does not fail loses none of many refresh tokens', async () => {
  const { world, store } = faulty();
  await using _ = world;
  const good = new Set<string>();
  let refused = 0;
  let serial = 0;
  const takes = (ms: number): Promise<void> => new Promise((resolve) => void world.clock.setTimer(resolve, ms));
  world.upstream.refresh = async ({ key, params, spend, signal }) => {
    const { value } = await spend(params['refresh_token'] as string);
    if (!good.delete(value)) refused += 1;
    const refreshToken = `${key.subject} ${++serial}`;
    good.add(refreshToken);
    await takes(5_000);
    signal.throwIfAborted();
    return { value: `token of ${refreshToken}`, expiresInSeconds: 7_200, refreshToken };
  };
  const tasks = Array.from({ length: 64 }, (_unused, index) => ({ type: TYPE, subject: `openid-${index}` }) as const);
  const withParams = tasks.map((task) => ({ ...task, params: { refresh_token: task.subject } }));
  for (const { subject } of tasks) good.add(subject);
  store.before = (method, id) => {
    const isSlow = id?.startsWith('key/') === true && (method === 'set' || method === 'lease');
    return isSlow ? takes(700) : undefined;
  };
  const tokens: TokenManager<'user_token'> = world.process();
  const registered = tokens.register({ appid: APPID, secret: SECRET, tasks: withParams });
  await world.clock.advance(180_000);
  await registered;
  const ids = tasks.map(({ subject }) => `key/${APPID}/${TYPE}/${subject}`);
  const stored = (await world.store.get(ids)) as readonly { data: { rotation?: { token?: string } } }[];
  expect(stored.filter(({ data }) => !good.has(data.rotation?.token ?? ''))).toEqual([]);
  expect(refused).toBe(0);
});

test('a refusal that the store does not take is remembered locally, so that nothing dead is sent in a loop', async () => {
  const { world, store } = faulty();
  await using _ = world;
  const tokens = await world.withTask({ refresh_token: 'dead' });
  let writes = 0;
  store.before = (method, id) => {
    if (method === 'set' && id === ID && ++writes % 2 === 0) throw new Error('a hiccup');
  };
  for (let time = 0; time < 600; time++) {
    await tokens.get(APPID, TYPE, USER).catch(() => {});
    await world.clock.advance(100);
  }
  expect(world.upstream.sent.length).toBeLessThan(15);
});

test('pending writes of a key are dropped once it is unregistered', async () => {
  const { world, store } = faulty();
  await using _ = world;
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    store.before = (method, id) => {
      if (method === 'set' && id === ID) throw new Error('full');
    };
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await tokens.get(APPID, TYPE, USER).catch(() => {});
  await tokens.unregister(APPID, TYPE, USER);
  store.before = () => {};
  const anew = world.upstream.authorize();
  await world.register(tokens, { refresh_token: anew });
  await tokens.get(APPID, TYPE, USER);
  expect(world.upstream.sent).toEqual(['refresh-1', anew]);
});

test('a params function that fails does no harm where another process has stored a refresh token unnoticed', async () => {
  await using world = new RotatingWorld();
  const store = { ...shared(world.store), watch: async () => async () => {} };
  const tokens = world.process({ store });
  await world.register(tokens, () => {
    throw new Error('the database is away');
  });
  await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 60 }, USER);
  const refreshToken = world.upstream.authorize();
  await world.clock.advance(1_000);
  const other = world.process();
  await other.put(APPID, TYPE, { value: 'put by another', expiresInSeconds: 59, refreshToken }, USER);
  await other.close();
  await world.clock.advance(49_000);
  expect(world.upstream.sent).toEqual([refreshToken]);
});

describe('I3: refresh tokens of registrations made anew', () => {
  test.each([
    ['app', `app/${APPID}`],
    ['task', `task/${APPID}/${TYPE}/${USER.subject}`],
  ])('I3: a refresh token is kept where the document of the %s was damaged and registered anew', async (_, id) => {
    await using world = new RotatingWorld();
    const params = { refresh_token: world.upstream.authorize() };
    const before = await world.withTask(params);
    await world.within(5_000, before.get(APPID, TYPE, USER));
    await before.close();
    const [document] = await world.store.get([id]);
    await world.store.set(id, { ...document?.data, checksum: 'torn' }, document?.version ?? 0);
    const tokens = world.process();
    await tokens.start();
    await world.register(tokens, params);
    await world.within(5_000, tokens.get(APPID, TYPE, USER));
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent.slice(0, 2)).toEqual(['refresh-1', 'refresh-2']);
    await expectKept(world, [...new Set(world.upstream.sent)]);
  });

  test.each([
    ['the task', (tokens: TokenManager<'user_token'>) => tokens.unregister(APPID, TYPE, USER)],
    ['the app', (tokens: TokenManager<'user_token'>) => tokens.unregister(APPID)],
  ])(
    'I3: a refresh token is kept when it was sent before %s was unregistered and registered again with it',
    async (_, unregister) => {
      await using world = new RotatingWorld();
      const params = { refresh_token: world.upstream.authorize() };
      world.upstream.answering = () => {
        world.upstream.answering = () => {};
        return new Promise<void>((resolve) => void world.clock.setTimer(resolve, 2_000));
      };
      const tokens = await world.withTask(params);
      await world.clock.advance(500);
      expect(world.upstream.sent).toEqual(['refresh-1']);
      await world.within(500, unregister(tokens));
      await world.within(500, world.register(tokens, params));
      await world.within(30_000, tokens.get(APPID, TYPE, USER));
      await expectKept(world, ['refresh-1', 'refresh-2']);
    },
  );
});
