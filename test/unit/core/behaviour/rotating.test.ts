import { expect, test } from 'vitest';
import { type JsonObject, TokenError } from '../../../../src/index.js';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import {
  faulty,
  ID,
  LEASE_MS,
  LIFE_MS,
  mortal,
  noWrites,
  RotatingWorld,
  TYPE,
  USER,
} from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const LOST = new TokenError('UPSTREAM_UNAVAILABLE', 'the connection broke', { retryable: true });

test('I3: every refresh token is sent once from register to the tenth refresh, with a restart before each', async () => {
  await using world = new RotatingWorld();
  const params = { refresh_token: world.upstream.authorize() };
  for (let life = 0; life < 10; life++) {
    const tokens = await world.withTask(params);
    await tokens.get(APPID, TYPE, USER);
    await tokens.close();
    await world.clock.advance(LIFE_MS);
  }
  expect(world.upstream.sent).toEqual(Array.from({ length: 10 }, (_, index) => `refresh-${index + 1}`));
  expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  expect(world.reauthorizations()).toBe(0);
});

test('I2: ten processes send a refresh token once', async () => {
  await using world = new RotatingWorld({ random: () => Math.random() });
  const params = { refresh_token: world.upstream.authorize() };
  const fleet = Array.from({ length: 10 }, () => world.process());
  const got = Promise.all(
    fleet.map(async (tokens) => {
      await world.register(tokens, params);
      return tokens.get(APPID, TYPE, USER);
    }),
  );
  // Ten processes take a shared schedule long to simulate.
  await world.clock.advance((isFleet ? 1.5 : 3) * LIFE_MS);
  expect(new Set(await got).size).toBe(1);
  expect(world.upstream.sent.length).toBeGreaterThan(1);
  expect(world.upstream.sent).toEqual([...new Set(world.upstream.sent)]);
  expect(world.reauthorizations()).toBe(0);
});

test('a refresh token that is about to be sent is announced in the store before', async () => {
  await using world = new RotatingWorld();
  const seen: unknown[] = [];
  world.upstream.arriving = async () => void seen.push((await world.stored())?.rotation?.intent);
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await tokens.get(APPID, TYPE, USER);
  expect(seen).toEqual([{ hash: expect.stringMatching(/^[0-9a-f]{32}$/), at: world.clock.now() }]);
  expect((await world.stored())?.rotation).not.toHaveProperty('intent');
});

test('a store that takes no writes leaves the refresh token unsent', async () => {
  const { world, store } = faulty();
  await using _ = world;
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  store.before = noWrites;
  const failed = expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await world.clock.advance(30_000);
  await failed;
  expect(world.upstream.sent).toEqual([]);
  store.before = () => {};
  await world.clock.advance(60_000);
  expect(tokens.peek(APPID, TYPE, USER)?.value).toBe('token of refresh-2 1');
});

test('I3: a refresh token that the store does not take is current only when durable, and nothing else is sent', async () => {
  const { world, store } = faulty();
  await using _ = world;
  world.upstream.answering = () => {
    store.before = noWrites;
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await world.clock.advance(10 * 60_000);
  expect(tokens.peek(APPID, TYPE, USER)).toBeUndefined();
  expect(world.upstream.sent).toEqual(['refresh-1']);
  store.before = () => {};
  await world.clock.advance(61_000);
  expect(tokens.peek(APPID, TYPE, USER)?.value).toBe('token of refresh-2 1');
  expect(await world.storedToken()).toBe('refresh-2');
  expect(world.upstream.sent).toEqual(['refresh-1']);
});

test.each([
  ['is asked once more', 1, 0.5],
  ['takes no writes for 10 s', 10_000, 0.5],
  ['takes no writes for 15 s, with the longest pauses', 15_000, 0.99],
])(
  'I2: no other process sends a used refresh token while the answer is offered to a store that %s',
  async (_, ms, random) => {
    await using world = new RotatingWorld({ random });
    const { process: first, way } = mortal(world);
    const second = world.process();
    world.upstream.answering = () => {
      world.upstream.answering = () => {};
      way.before = noWrites;
    };
    await world.register(first, { refresh_token: world.upstream.authorize() });
    await expect(first.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const got = second.get(APPID, TYPE, USER);
    await world.clock.advance(ms);
    way.before = () => {};
    expect(await world.within(LEASE_MS, got)).toBe('token of refresh-2 1');
    expect(world.upstream.sent).toEqual(['refresh-1']);
    await world.clock.advance(LIFE_MS);
    expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
  },
);

test('I2: a used refresh token is not sent again where another write was first, and the store fails after that', async () => {
  await using world = new RotatingWorld();
  const { process: first, way } = mortal(world);
  const second = world.process();
  world.upstream.answering = async () => {
    world.upstream.answering = () => {};
    const [document] = await world.store.get([ID]);
    await world.store.set(ID, document?.data ?? {}, document?.version ?? 0);
    let wasBeaten = false;
    way.before = (method, id) => {
      if (wasBeaten && ['get', 'set'].includes(method)) throw new Error('away');
      wasBeaten ||= method === 'set' && id === ID;
    };
  };
  await world.register(first, { refresh_token: world.upstream.authorize() });
  await expect(first.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  const got = second.get(APPID, TYPE, USER);
  await world.clock.advance(10_000);
  way.before = () => {};
  expect(await world.within(LEASE_MS, got)).toBe('token of refresh-2 1');
  expect(world.upstream.sent).toEqual(['refresh-1']);
});

test('I2: a used refresh token is not sent again where the answer is of no use but for its refresh token', async () => {
  await using world = new RotatingWorld();
  const { process: first, way } = mortal(world);
  const second = world.process();
  world.upstream.change = () => {
    world.upstream.change = () => ({});
    way.before = noWrites;
    return { value: '' };
  };
  await world.register(first, { refresh_token: world.upstream.authorize() });
  await expect(first.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  const got = second.get(APPID, TYPE, USER);
  await world.clock.advance(10_000);
  way.before = () => {};
  expect(await world.within(LEASE_MS, got)).toBe('token of refresh-3 2');
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
});

test('I2: a used refresh token is not sent again while a closed process cannot put off its claim', async () => {
  await using world = new RotatingWorld({ fleet: true });
  const { process: first, way } = mortal(world);
  await world.register(first, { refresh_token: world.upstream.authorize() });
  await first.get(APPID, TYPE, USER);
  world.upstream.answering = () => {
    way.before = (method, id) => (method === 'get' ? new Promise(() => {}) : noWrites(method, id));
  };
  while (world.upstream.sent.length < 2) await world.clock.advance(1_000);
  world.upstream.answering = () => {};
  const closed = first.close();
  await world.clock.advance(3_000);
  const second = world.process();
  await second.start();
  await world.clock.advance(5_000);
  way.before = () => {};
  await world.clock.advance(LEASE_MS);
  await closed;
  expect(await second.get(APPID, TYPE, USER)).toBe('token of refresh-3 2');
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
});

test('pending writes of an app that is unregistered do not delay the next registration', async () => {
  const { world, store } = faulty();
  await using _ = world;
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    store.before = noWrites;
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  store.before = () => {};
  await tokens.unregister(APPID);
  await world.register(tokens, { refresh_token: world.upstream.authorize() });
  expect(await world.within(2_000, tokens.get(APPID, TYPE, USER))).toBe('token of refresh-4 2');
});

test('I3: close offers a refresh token to the store once more', async () => {
  const { world, store } = faulty();
  await using _ = world;
  world.upstream.answering = () => {
    store.before = noWrites;
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  store.before = () => {};
  await tokens.close();
  expect(await world.storedToken()).toBe('refresh-2');
});

test('a refresh token whose answer was lost is sent once more: a grace of WeChat saves it', async () => {
  await using world = new RotatingWorld();
  world.upstream.mode = 'grace';
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    throw LOST;
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  expect(await world.within(60_000, tokens.get(APPID, TYPE, USER))).toBe('token of refresh-2 2');
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-1']);
  expect(await world.storedToken()).toBe('refresh-2');
  expect(world.reauthorizations()).toBe(0);
});

test('a refresh token of a lost answer is refused without a grace, is dead after one lease, and is not sent again', async () => {
  await using world = new RotatingWorld();
  world.upstream.answering = () => {
    throw LOST;
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await tokens.get(APPID, TYPE, { ...USER, timeoutMs: 200 }).catch(() => {});
  await world.clock.advance(LEASE_MS - 10_000);
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-1']);
  expect(world.reauthorizations()).toBe(0);
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', errcode: 40030 });
  await world.clock.advance(12_000);
  expect(world.reauthorizations()).toBe(1);
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({
    code: 'REAUTHORIZATION_REQUIRED',
    errcode: 40030,
    subject: 'openid-1',
  });
  await world.clock.advance(25 * 3_600_000);
  expect(world.upstream.sent).toHaveLength(2);
  expect(world.reauthorizations()).toBe(1);
});

test('I3: a process that was suspended before it stored the answer stores it when it resumes', async () => {
  await using world = new RotatingWorld();
  const params = { refresh_token: world.upstream.authorize() };
  let wake = (): void => {};
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    return new Promise<void>((resolve) => {
      wake = resolve;
    });
  };
  const { process: stopped, way } = mortal(world);
  await world.register(stopped, params);
  const late = stopped.get(APPID, TYPE, USER).catch((error: unknown) => error);
  await world.clock.advance(1_000);
  let resume = (): void => {};
  const stop = new Promise<void>((resolve) => {
    resume = resolve;
  });
  way.before = () => stop;
  wake();
  const other = await world.withTask(params);
  await world.clock.advance(LEASE_MS / 2);
  expect(world.upstream.sent).toEqual(['refresh-1']);
  await world.clock.advance(LEASE_MS / 2);
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-1']);
  expect(world.reauthorizations()).toBe(0);
  way.before = () => {};
  resume();
  await world.clock.advance(15_000);
  expect(other.peek(APPID, TYPE, USER)?.value).toBe('token of refresh-2 1');
  expect(await world.storedToken()).toBe('refresh-2');
  await world.clock.advance(60_000);
  expect(world.reauthorizations()).toBe(0);
  await late;
});

test.each(['lease', 'get'])('I3: a process that dies at its %s leaves the refresh token unsent', async (method) => {
  await using world = new RotatingWorld();
  const params = { refresh_token: world.upstream.authorize() };
  const { process: dying, die, way } = mortal(world);
  await world.register(dying, params);
  way.before = (command, id) => {
    if (command === method && id === ID) die();
  };
  const lost = dying.get(APPID, TYPE, USER).catch(() => {});
  await world.clock.advance(100);
  const other = await world.withTask(params);
  await world.clock.advance(2 * LEASE_MS);
  expect(other.peek(APPID, TYPE, USER)?.value).toBe('token of refresh-2 1');
  await lost;
});

test('I3: a process that dies after it announced the refresh token, and before sending it, has lost nothing', async () => {
  await using world = new RotatingWorld();
  const params = { refresh_token: world.upstream.authorize() };
  const { process: dying, die, way } = mortal(world);
  await world.register(dying, params);
  way.afterSet = (id) => {
    if (id !== ID) return;
    die();
    return new Promise(() => {});
  };
  const lost = dying.get(APPID, TYPE, USER).catch(() => {});
  await world.clock.advance(100);
  expect((await world.stored())?.rotation?.intent).toBeDefined();
  const other = await world.withTask(params);
  await world.clock.advance(2 * LEASE_MS);
  expect(other.peek(APPID, TYPE, USER)?.value).toBe('token of refresh-2 1');
  expect(world.reauthorizations()).toBe(0);
  await lost;
});

test('I3: a process that dies when the store has the new refresh token has lost nothing', async () => {
  await using world = new RotatingWorld();
  const params = { refresh_token: world.upstream.authorize() };
  const { process: dying, die, way } = mortal(world);
  await world.register(dying, params);
  world.upstream.answering = () => {
    way.afterSet = (id) => {
      if (id !== ID) return;
      die();
      return new Promise(() => {});
    };
  };
  const lost = dying.get(APPID, TYPE, USER).catch(() => {});
  await world.clock.advance(100);
  world.upstream.answering = () => {};
  const other = await world.withTask(params);
  expect(await other.get(APPID, TYPE, USER)).toBe('token of refresh-2 1');
  await world.clock.advance(LIFE_MS);
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
  await lost;
});

test('a dead refresh token is reported once and is revived by a registration, a put, or the params function', async () => {
  await using world = new RotatingWorld();
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  world.upstream.withdraw();
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' });
  await world.clock.advance(25 * 3_600_000);
  expect([world.upstream.sent.length, world.reauthorizations()]).toEqual([1, 1]);
  await world.register(tokens, { refresh_token: world.upstream.authorize() });
  expect(await tokens.get(APPID, TYPE, USER)).toBe('token of refresh-3 2');

  world.upstream.withdraw();
  await world.clock.advance(LIFE_MS);
  expect([world.upstream.sent.length, world.reauthorizations()]).toEqual([3, 2]);
  const refreshToken = world.upstream.authorize();
  await tokens.put(APPID, TYPE, { value: 'given', expiresInSeconds: 60, refreshToken }, USER);
  expect(await tokens.get(APPID, TYPE, USER)).toBe('given');
  await world.clock.advance(61_000);
  expect(await tokens.get(APPID, TYPE, USER)).toBe('token of refresh-5 4');

  world.upstream.withdraw();
  let offered = 'refresh-5';
  let asked = 0;
  await world.register(tokens, () => {
    asked += 1;
    return { refresh_token: offered };
  });
  await world.clock.advance(LIFE_MS);
  expect([world.upstream.sent.length, world.reauthorizations()]).toEqual([5, 3]);
  const before = asked;
  await world.clock.advance(3_600_000);
  expect(world.upstream.sent).toHaveLength(5);
  expect(asked - before).toBe(6);
  offered = world.upstream.authorize();
  await world.clock.advance(600_000);
  expect(await tokens.get(APPID, TYPE, USER)).toBe('token of refresh-7 6');
});

test('the params are sent when the stored refresh token is refused, where the type prefers the stored one', async () => {
  await using world = new RotatingWorld();
  world.upstream.prefer = 'stored';
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  await tokens.get(APPID, TYPE, USER);
  const anew = world.upstream.authorize();
  await world.register(tokens, { refresh_token: anew });
  await world.clock.advance(LIFE_MS);
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2', anew]);
  expect(world.reauthorizations()).toBe(0);
  expect(world.upstream.isGood(await world.storedToken())).toBe(true);
});

test.each([
  { at: -1, sent: 2 },
  { at: 0, sent: 1 },
  { at: 1, sent: 1 },
])('a refresh token is not sent any more at its own deadline $at ms', async ({ at, sent }) => {
  await using world = new RotatingWorld();
  world.upstream.mode = 'kept';
  world.upstream.refreshTokenExpiresInSeconds = 86_400;
  const tokens = world.process();
  await tokens.register({ appid: APPID, secret: SECRET });
  await tokens.put(APPID, TYPE, await firstGrant(world), USER);
  world.upstream.sent.length = 1;
  await world.clock.advance(86_400_000 + at);
  await tokens.get(APPID, TYPE, USER).catch(() => {});
  expect(world.upstream.sent).toHaveLength(sent);
  expect(world.reauthorizations()).toBe(sent === 1 ? 1 : 0);
});

async function firstGrant(world: RotatingWorld) {
  const refreshToken = world.upstream.authorize();
  return { value: 'first', expiresInSeconds: 60, refreshToken, refreshTokenExpiresInSeconds: 86_400 };
}

test('an answer without a refresh token leaves the stored one, and its deadline', async () => {
  await using world = new RotatingWorld();
  world.upstream.mode = 'kept';
  world.upstream.change = ({ refreshToken: _, ...grant }) => ({ ...grant, refreshToken: undefined as never });
  const tokens = world.process();
  await tokens.register({ appid: APPID, secret: SECRET });
  await tokens.put(APPID, TYPE, await firstGrant(world), USER);
  await world.clock.advance(61_000);
  await tokens.get(APPID, TYPE, USER);
  expect(await world.storedToken()).toBe('refresh-1');
  await world.clock.advance(86_400_000);
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' });
  expect(world.upstream.sent).toHaveLength(1);
});

test('I4: a refresh token that was put while another was being used is not undone', async () => {
  await using world = new RotatingWorld();
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  world.upstream.answering = async () => {
    world.upstream.answering = () => {};
    const refreshToken = world.upstream.authorize();
    await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200, refreshToken }, USER);
  };
  expect(await tokens.get(APPID, TYPE, USER)).toBe('put');
  expect(await world.storedToken()).toBe('refresh-3');
  expect(world.upstream.isGood('refresh-3')).toBe(true);
});

test('I3: a put of a token alone, while its refresh token is being replaced, does not lose the new one', async () => {
  await using world = new RotatingWorld();
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  world.upstream.answering = async () => {
    world.upstream.answering = () => {};
    await world.clock.advance(10);
    await tokens.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200 }, USER);
  };
  expect(await tokens.get(APPID, TYPE, USER)).toBe('put');
  expect(await world.storedToken()).toBe('refresh-2');
});

test('an older put without an unknown refresh token changes neither the token nor the refresh token', async () => {
  await using world = new RotatingWorld();
  const first = world.upstream.authorize();
  const tokens = await world.withTask({ refresh_token: first });
  await tokens.get(APPID, TYPE, USER);
  const before = await world.stored();
  const older = { value: 'old', expiresInSeconds: 60, obtainedAt: world.clock.now() - 1 };
  for (const grant of [older, { ...older, refreshToken: first }, { ...older, refreshToken: 'refresh-2' }]) {
    const record = await tokens.put(APPID, TYPE, grant, USER);
    expect(record.value).toBe('token of refresh-2 1');
    expect(await world.stored()).toEqual(before);
  }
});

test('a key that nothing can be refreshed with fails before WeChat is called, and leaves nothing', async () => {
  await using world = new RotatingWorld();
  const tokens = await world.withTask();
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  expect(world.upstream.sent).toEqual([]);
  // A schedule that is shared has an empty document that is due.
  const { format: _format, checksum: _checksum, ...left } = ((await world.stored()) ?? {}) as JsonObject;
  expect(left).toEqual({});
});

test('a params function that fails does no harm where the store has a refresh token', async () => {
  await using world = new RotatingWorld();
  let broken = false;
  const first = world.upstream.authorize();
  const tokens = await world.withTask(() => {
    if (broken) throw new Error('CANARY');
    return { refresh_token: first };
  });
  await tokens.get(APPID, TYPE, USER);
  broken = true;
  await world.clock.advance(2 * LIFE_MS);
  expect(world.upstream.sent.length).toBeGreaterThanOrEqual(3);
  expect(tokens.peek(APPID, TYPE, USER)).toBeDefined();
});

test('I10: a params function with ever new dead refresh tokens costs a few calls and no more', async () => {
  await using world = new RotatingWorld();
  let serial = 0;
  world.upstream.withdraw();
  const tokens = await world.withTask(() => ({ refresh_token: `dead-${++serial}` }));
  await tokens.get(APPID, TYPE, USER).catch(() => {});
  expect(world.upstream.sent.length).toBeLessThanOrEqual(5);
  await world.clock.advance(3_600_000);
  expect(world.upstream.sent.length).toBeLessThan(150);
});

test('an announcement that always loses its write ends the refresh', async () => {
  const { world, store } = faulty();
  await using _ = world;
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  let sets = 0;
  const set = store.set.bind(store);
  store.set = async (...args) => {
    if (args[0] !== ID) return set(...args);
    sets += 1;
    return undefined;
  };
  await expect(tokens.get(APPID, TYPE, USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(sets).toBe(5);
  expect(world.upstream.sent).toEqual([]);
});

test.each([
  ['without a token', { value: '' }],
  ['with an odd lifetime', { expiresInSeconds: -1 }],
])('I3: an answer %s is rejected, and its refresh token is kept', async (_, change) => {
  await using world = new RotatingWorld();
  world.upstream.change = () => {
    world.upstream.change = () => ({});
    return change;
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  const impatient = { ...USER, timeoutMs: 200 };
  await expect(tokens.get(APPID, TYPE, impatient)).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED' });
  expect(await world.storedToken()).toBe('refresh-2');
  await world.clock.advance(60_000);
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
  expect(tokens.peek(APPID, TYPE, USER)).toBeDefined();
});

test('I3: a clock that is set back before the answer comes does not spoil it', async () => {
  await using world = new RotatingWorld();
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    world.clock.jump(-86_400_000);
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  expect(await tokens.get(APPID, TYPE, USER)).toBe('token of refresh-2 1');
  expect(await world.storedToken()).toBe('refresh-2');
});

test('I3: an answer that has expired when it comes leaves its refresh token', async () => {
  await using world = new RotatingWorld();
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    world.clock.jump(86_400_000);
  };
  const tokens = await world.withTask({ refresh_token: world.upstream.authorize() });
  const impatient = { ...USER, timeoutMs: 200 };
  await expect(tokens.get(APPID, TYPE, impatient)).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED' });
  await world.clock.advance(60_000);
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
  expect(world.upstream.isGood(await world.storedToken())).toBe(true);
  expect(world.reauthorizations()).toBe(0);
});

test('a refresh sends what is registered while it waits for the lease', async () => {
  await using world = new RotatingWorld();
  const params = { refresh_token: world.upstream.authorize() };
  const { process: dying, die } = mortal(world);
  world.upstream.arriving = () => {
    world.upstream.arriving = () => {};
    die();
    return new Promise(() => {});
  };
  await world.register(dying, params);
  await world.clock.advance(1_000);
  const tokens = await world.withTask(params);
  await world.clock.advance(5_000);
  await world.register(tokens, { refresh_token: world.upstream.authorize() });
  await world.clock.advance(LEASE_MS);
  expect(world.upstream.sent).toEqual(['refresh-1', 'refresh-2']);
  expect(tokens.peek(APPID, TYPE, USER)).toBeDefined();
});

test('I3: a refusal of a replaced refresh token does not affect the new one, which is sent', async () => {
  await using world = new RotatingWorld();
  const [one, other] = [world.process(), world.process()];
  await world.register(one, { refresh_token: world.upstream.authorize() });
  await one.get(APPID, TYPE, USER);
  let replacement = '';
  world.upstream.arriving = async () => {
    world.upstream.arriving = () => {};
    replacement = world.upstream.authorize();
    const grant = { value: 'put', expiresInSeconds: 600, refreshToken: replacement };
    await other.put(APPID, TYPE, grant, USER);
    await other.close();
  };
  await one.refresh(APPID, TYPE, { ...USER, force: true }).catch(() => {});
  await world.clock.advance(LIFE_MS);
  expect(world.reauthorizations()).toBe(0);
  expect(world.upstream.sent).toContain(replacement);
});
