import { describe, expect, test } from 'vitest';
import type { TokenManager } from '../../../../src/index.js';
import { RestorableStore } from '../../../support/stores/restorable-store.js';
import { FaultyStore, shared } from '../../../support/stores/shared-store.js';
import { unwatched } from '../../../support/stores/unwatched-store.js';
import { faulty, ID, LIFE_MS, RotatingWorld, TYPE, USER } from '../../../support/worlds/rotating-world.js';
import { APPID, TYPE as PLAIN_TYPE, SECRET, World } from '../../../support/worlds/world.js';

type Tokens = TokenManager<'user_token'>;

const APP_ID = `app/${APPID}`;
const TASK_ID = `task/${APPID}/${TYPE}/${USER.subject}`;
const SECOND_TASK_ID = `task/${APPID}/${TYPE}/openid-2`;
const WIDE = 'snsapi_userinfo';
const NARROW = 'snsapi_base';

async function damage(world: RotatingWorld, id: string): Promise<void> {
  const [document] = await world.store.get([id]);
  await world.store.set(id, { ...document?.data, checksum: 'torn' }, document?.version ?? 0);
}

async function evict(world: RotatingWorld, id: string): Promise<void> {
  const [document] = await world.store.get([id]);
  await world.store.delete(id, document?.version ?? 0);
}

async function flush(world: RotatingWorld): Promise<void> {
  for (const kind of ['app', 'task', 'key', 'delivery', 'limit', 'store']) {
    for await (const { id, version } of world.store.list(kind)) await world.store.delete(id, version);
  }
}

function put(tokens: Tokens, value: string, fields: object = {}): Promise<unknown> {
  return tokens.put(APPID, TYPE, { value, expiresInSeconds: LIFE_MS / 1_000, ...fields }, USER);
}

async function expectGood(world: RotatingWorld): Promise<void> {
  expect(world.upstream.isGood(await world.storedToken())).toBe(true);
}

describe('an emptied store in which another process has registered the app anew', () => {
  test.each(['get', 'force', 'stale'])(
    'an emptied store gets back the refresh token of a process that notices by %s',
    async (how) => {
      await using world = new RotatingWorld();
      const [holder, other] = [0, 1].map(() => world.process({ store: unwatched(shared(world.store)) })) as [
        Tokens,
        Tokens,
      ];
      const params = { refresh_token: world.upstream.authorize() };
      await world.within(100, world.register(holder, params));
      const value = await world.within(5_000, holder.get(APPID, TYPE, USER));
      await flush(world);
      await world.within(100, other.start());
      await world.within(5_000, world.register(other, params));
      await world.clock.advance(3_000);
      const wish = how === 'force' ? { force: true as const } : { stale: value };
      if (how !== 'get') await world.within(5_000, holder.refresh(APPID, TYPE, { ...USER, ...wish }));
      await world.clock.advance(120_000);
      await world.within(5_000, holder.get(APPID, TYPE, USER));
      await expectGood(world);
    },
  );
});

describe('a backup from before an app was unregistered and registered anew', () => {
  test.each([
    ['get', {}],
    ['force', { force: true }],
  ] as const)(
    'a backup of an older registration takes no refresh token from the later one, where it is noticed by %s',
    async (how, wish) => {
      await using world = new RotatingWorld();
      const store = new RestorableStore(world.clock);
      const [one, other] = [0, 1].map(() => world.process({ store: shared(store) })) as [Tokens, Tokens];
      await world.within(100, other.start());
      await world.within(500, world.register(one, { refresh_token: world.upstream.authorize() }));
      await world.within(5_000, one.get(APPID, TYPE, USER));
      const backup = store.state();
      await world.within(500, one.unregister(APPID));
      await world.within(500, world.register(one, { refresh_token: world.upstream.authorize() }));
      for (const tokens of [one, other]) await world.within(5_000, tokens.get(APPID, TYPE, USER));
      store.restore(backup);
      if (how === 'force') await world.within(5_000, one.refresh(APPID, TYPE, { ...USER, ...wish } as { force: true }));
      await world.clock.advance(130_000);
      await world.within(5_000, one.get(APPID, TYPE, USER));
      const [document] = await store.get([ID]);
      expect(world.upstream.isGood((document?.data['rotation'] as { token?: string } | undefined)?.token)).toBe(true);
      expect(world.reauthorizations()).toBe(0);
    },
  );
});

test('a registration repeated in a backup without its task keeps the cached refresh token', async () => {
  await using world = new RotatingWorld();
  const store = new RestorableStore(world.clock);
  const slow = new FaultyStore(store);
  const tokens = world.process({ store: slow });
  await world.within(100, tokens.register({ appid: APPID, secret: SECRET }));
  const backup = store.state();
  const params = { refresh_token: world.upstream.authorize() };
  await world.within(100, world.register(tokens, params));
  await world.within(5_000, tokens.get(APPID, TYPE, USER));
  store.restore(backup);
  slow.before = () => new Promise((resolve) => void world.clock.setTimer(resolve, 20));
  await world.within(5_000, world.register(tokens, params));
  await world.clock.advance(130_000);
  await world.within(5_000, tokens.get(APPID, TYPE, USER));
  const [document] = await store.get([ID]);
  expect(world.upstream.isGood((document?.data['rotation'] as { token?: string } | undefined)?.token)).toBe(true);
  expect(world.reauthorizations()).toBe(0);
});

test('a key that was asked for in vain is refreshed at once when its task is registered', async () => {
  await using world = new RotatingWorld();
  const tokens = world.process();
  await world.within(100, tokens.register({ appid: APPID, secret: SECRET }));
  const asked = world.within(30_000, tokens.get(APPID, TYPE, USER));
  await expect(asked).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  await world.within(100, world.register(tokens, { refresh_token: world.upstream.authorize() }));
  await world.clock.advance(2_000);
  expect(world.upstream.sent).toEqual(['refresh-1']);
});

test('a caller gets a token although the task is unregistered while it is refreshed', async () => {
  await using world = new World();
  world.wechat.always = async () => {
    await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 1_000));
    return { value: 'token' };
  };
  const tokens = world.manager();
  await world.within(100, tokens.register({ appid: APPID, secret: SECRET, tasks: [PLAIN_TYPE] }));
  await world.clock.advance(100);
  await world.within(500, tokens.unregister(APPID, PLAIN_TYPE));
  expect(await world.within(10_000, tokens.get(APPID, PLAIN_TYPE))).toBe('token');
});

describe('a put under way while another process registers the app anew', () => {
  test.each([
    ['unregistered', (tokens: Tokens) => tokens.unregister(APPID)],
    ['evicted', (_: Tokens, world: RotatingWorld) => evict(world, APP_ID)],
  ])(
    'a put under way is stored for the new registration, and takes nothing from it, where the app was %s',
    async (_, end) => {
      await using world = new RotatingWorld();
      const [deaf, other] = [world.process({ store: unwatched(shared(world.store)) }), world.process()];
      await world.within(100, deaf.start());
      await world.within(100, world.register(other, { refresh_token: world.upstream.authorize() }));
      await world.within(5_000, deaf.get(APPID, TYPE, USER));
      await end(other, world);
      await world.clock.advance(1_000);
      await world.within(500, world.register(other, { refresh_token: world.upstream.authorize() }));
      await world.within(5_000, put(deaf, 'put'));
      const [document] = await world.store.get([ID]);
      expect(document?.data).toMatchObject({ grant: { value: 'put' } });
      await world.clock.advance(2 * LIFE_MS);
      expect(await world.within(5_000, other.get(APPID, TYPE, USER))).toMatch(/^token of/);
      await expectGood(world);
    },
  );

  test('a put under way keeps the previous refresh token where the app document was damaged during its write', async () => {
    const { world, store } = faulty();
    await using _ = world;
    const params = { refresh_token: world.upstream.authorize() };
    const tokens = await world.withTask(params);
    await world.within(5_000, tokens.get(APPID, TYPE, USER));
    const repairer = world.process({ store: shared(world.store) });
    await world.within(100, repairer.start());
    store.before = async (method, id) => {
      if (method !== 'set' || id !== ID) return;
      store.before = () => {};
      await damage(world, APP_ID);
      await world.register(repairer, params);
    };
    await world.within(5_000, put(tokens, 'put'));
    await world.clock.advance(LIFE_MS);
    expect(world.reauthorizations()).toBe(0);
    await expectGood(world);
  });
});

test('a put whose task is registered and undone meanwhile leaves the previous refresh token', async () => {
  await using world = new RotatingWorld();
  const ways = [0, 1].map(() => new FaultyStore(shared(world.store))) as [FaultyStore, FaultyStore];
  const [registrar, putter] = ways.map((store) => world.process({ store })) as [Tokens, Tokens];
  await world.within(100, registrar.register({ appid: APPID, secret: SECRET }));
  await world.within(100, put(putter, 'login', { refreshToken: world.upstream.authorize() }));
  ways[0].before = (method, id) => (method === 'set' && id === SECOND_TASK_ID ? new Promise(() => {}) : undefined);
  const tasks = [USER.subject, 'openid-2'].map((subject) => ({ type: TYPE, subject }) as const);
  const registered = registrar.register({ appid: APPID, tasks }).catch(({ code }) => code);
  await world.clock.advance(1_000);
  ways[1].before = (method, id) =>
    method === 'set' && id === ID ? new Promise((resolve) => void world.clock.setTimer(resolve, 1_800)) : undefined;
  const stored = put(putter, 'value alone');
  await world.clock.advance(12_000);
  expect(await registered).toBe('STORE_UNAVAILABLE');
  await stored;
  await expectGood(world);
});

test('the refresh token of an answer that comes after its registration was undone is stored', async () => {
  const { world, store } = faulty();
  await using _ = world;
  const tokens = world.process();
  await world.within(100, tokens.register({ appid: APPID, secret: SECRET }));
  world.upstream.answering = () => {
    world.upstream.answering = () => {};
    return new Promise((resolve) => void world.clock.setTimer(resolve, 16_000));
  };
  store.before = (method, id) => (method === 'set' && id === SECOND_TASK_ID ? new Promise(() => {}) : undefined);
  const params = { refresh_token: world.upstream.authorize() };
  const tasks = [
    { type: TYPE, ...USER, params },
    { type: TYPE, subject: 'openid-2' },
  ] as const;
  const registered = tokens.register({ appid: APPID, tasks }).catch(({ code }) => code);
  const other = world.process({ store: shared(world.store) });
  await world.clock.advance(100);
  other.get(APPID, TYPE, USER).catch(() => {});
  await world.clock.advance(30_000);
  expect([await registered, world.upstream.sent]).toEqual(['STORE_UNAVAILABLE', ['refresh-1']]);
  await expectGood(world);
});

describe('a wide consent', () => {
  test.each([
    ['the document of the app was damaged', APP_ID, damage],
    ['the document of the task was damaged', TASK_ID, damage],
    ['the app was evicted', APP_ID, evict],
  ])(
    'a wide consent is kept from a silent login after %s, and its refresh does not say its scope',
    async (_, id, lose) => {
      await using world = new RotatingWorld();
      const tokens = await world.withTask();
      await world.within(100, put(tokens, 'wide', { scope: WIDE, refreshToken: world.upstream.authorize() }));
      await lose(world, id);
      await world.clock.advance(2_000);
      await world.within(5_000, world.register(tokens));
      await world.within(5_000, tokens.get(APPID, TYPE, USER));
      await world.within(5_000, tokens.refresh(APPID, TYPE, { ...USER, force: true }));
      await world.within(1_000, put(tokens, 'narrow', { scope: NARROW, refreshToken: 'narrow' }));
      expect(await tokens.get(APPID, TYPE, USER)).toMatch(/^token of/);
      await expectGood(world);
    },
  );
});

describe('an answer that arrives while the store fails, after its app was unregistered', () => {
  /** A process whose request has begun before it unregistered the app, and a function that has WeChat answer it. */
  async function unregisteredUnderWay(world: World): Promise<{ tokens: TokenManager; answer: () => void }> {
    const tokens = await world.registered();
    await tokens.get(APPID, PLAIN_TYPE);
    await world.clock.advance(10_000);
    let answer = (): void => {};
    world.wechat.next(() => new Promise((resolve) => (answer = () => resolve({ value: 'of the ended enrolment' }))));
    tokens.refresh(APPID, PLAIN_TYPE, { force: true }).catch(() => {});
    await world.clock.advance(100);
    await tokens.unregister(APPID);
    return { tokens, answer: () => answer() };
  }

  const withFaults = (): { world: World; store: FaultyStore } => {
    let store: FaultyStore | undefined;
    const world = new World({ store: (inner) => (store = new FaultyStore(inner)) });
    return { world, store: store as FaultyStore };
  };

  const noKeys = (method: string, id: string | undefined): void => {
    if (method === 'set' && id?.startsWith('key/') === true) throw new Error('disk full');
  };

  test('a token that comes after its app was unregistered is not served while the store fails', async () => {
    const { world, store } = withFaults();
    await using _ = world;
    const { tokens, answer } = await unregisteredUnderWay(world);
    store.before = (method) => {
      if (method !== 'close') throw new Error('the connection broke');
    };
    answer();
    await world.clock.advance(100);
    expect(tokens.peek(APPID, PLAIN_TYPE)).toBeUndefined();
    const got = world.within(30_000, tokens.get(APPID, PLAIN_TYPE));
    await expect(got).rejects.toMatchObject({ code: expect.stringMatching(/^(NOT_REGISTERED|STORE_UNAVAILABLE)$/) });
  });

  test('a token that comes after its app was registered anew is not served while the store fails', async () => {
    const { world, store } = withFaults();
    await using _ = world;
    const { tokens, answer } = await unregisteredUnderWay(world);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [PLAIN_TYPE] });
    store.before = noKeys;
    answer();
    await world.clock.advance(100);
    expect(tokens.peek(APPID, PLAIN_TYPE)?.value).not.toBe('of the ended enrolment');
  });
});
