import { describe, expect, test } from 'vitest';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { createCallbacks } from '../../../../src/http/index.js';
import { TokenError, type TokenManager, type TokenStore } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { RotatingWorld, USER, TYPE as USER_TYPE } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET, TYPE, World, type WorldOptions } from '../../../support/worlds/world.js';

const WRONG = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40_125 });
const KEY_ID = `key/${APPID}/${TYPE}`;

/** A WeChat that answers when it is told to, and knows which secrets and codes are good. */
class HeldWorld extends World {
  readonly secrets: (string | undefined)[] = [];
  readonly good = new Set<unknown>();
  readonly #held: (() => void)[] = [];

  constructor(options: WorldOptions = {}) {
    super(options);
    this.wechat.always = async ({ app, params }) => {
      this.secrets.push(app.secret);
      await new Promise<void>((resolve) => void this.#held.push(resolve));
      if (!this.good.has(app.secret) && !this.good.has(params['code'])) throw WRONG;
      return {};
    };
  }

  async answer(): Promise<void> {
    for (const resolve of this.#held.splice(0)) resolve();
    await this.clock.advance(10);
  }

  async tried(tokens: TokenManager, secret: string): Promise<void> {
    await tokens.register({ appid: APPID, secret, tasks: [TYPE] });
    await this.clock.advance(10);
  }
}

describe('input that changes during an attempt', () => {
  test('a secret that is replaced during an attempt is tried at once, and a waiting caller gets the token', async () => {
    await using world = new HeldWorld();
    world.good.add('new');
    const tokens = world.manager();
    await world.tried(tokens, 'old');
    const got = tokens.get(APPID, TYPE);
    await world.tried(tokens, 'new');
    await world.answer();
    expect(world.secrets).toEqual(['old', 'new']);
    await world.answer();
    expect(await got).toMatch(/^token-/);
  });

  test('params that are replaced during an attempt are tried at once', async () => {
    await using world = new HeldWorld();
    world.good.add('good');
    const tokens = world.manager();
    const register = (code: string): Promise<void> =>
      tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { code } }] });
    await register('bad');
    await world.clock.advance(10);
    await register('good');
    await world.answer();
    await world.answer();
    expect(tokens.peek(APPID, TYPE)?.value).toMatch(/^token-/);
    expect(world.wechat.calls).toBe(2);
  });

  test('a secret that another process registers during an attempt is tried within seconds', async () => {
    await using world = new HeldWorld();
    world.good.add('new');
    const tokens = world.manager();
    await world.tried(tokens, 'old');
    await world.manager().register({ appid: APPID, secret: 'new', tasks: [TYPE] });
    await world.answer();
    await world.clock.advance(10_000);
    await world.answer();
    expect(tokens.peek(APPID, TYPE)?.value).toMatch(/^token-/);
    expect(world.secrets.at(-1)).toBe('new');
    expect(world.secrets.length).toBeLessThanOrEqual(3);
  });

  test('a secret whose notification comes after the failure was recorded is tried then, also by a fleet', async () => {
    await using world = new HeldWorld({ fleet: true });
    world.good.add('new');
    const late: TokenStore = {
      ...shared(world.store),
      watch: async (changed) =>
        (await world.store.watch?.((id) => void world.clock.setTimer(() => changed(id), 8_000))) ?? (async () => {}),
    };
    const tokens = world.manager({ store: late });
    await world.tried(tokens, 'old');
    const reader = world.manager({ refresh: 'never' });
    const registered = reader.register({ appid: APPID, secret: 'new', tasks: [TYPE] });
    await world.clock.advance(10);
    await registered;
    await world.answer();
    await world.clock.advance(14_000);
    await world.answer();
    expect(world.secrets).toEqual(['old', 'new']);
    expect(tokens.peek(APPID, TYPE)?.value).toMatch(/^token-/);
  });

  test('a process that is never notified of a new secret tries it when WeChat rejects the one before', async () => {
    await using world = new HeldWorld({ fleet: true });
    world.good.add('old');
    const unheard = world.manager({ store: { ...shared(world.store), watch: async () => async () => {} } });
    await world.tried(unheard, 'old');
    await world.answer();
    world.good.clear();
    world.good.add('new');
    const reader = world.manager({ refresh: 'never' });
    await world.within(100, reader.register({ appid: APPID, secret: 'new', tasks: [TYPE] }));
    const forced = unheard.refresh(APPID, TYPE, { force: true });
    await world.clock.advance(10);
    await world.answer();
    await world.answer();
    expect(await forced).toMatch(/^token-/);
    expect(world.secrets).toEqual(['old', 'old', 'new']);
  });

  test('a stale report during which the secret is replaced is answered with the token of the new secret', async () => {
    await using world = new HeldWorld();
    world.good.add('old');
    const tokens = world.manager();
    await world.tried(tokens, 'old');
    await world.answer();
    world.good.clear();
    world.good.add('new');
    const reported = tokens.refresh(APPID, TYPE, { stale: tokens.peek(APPID, TYPE)?.value as string });
    await world.clock.advance(10);
    await world.tried(tokens, 'new');
    await world.answer();
    await world.answer();
    expect(await reported).toMatch(/^token-/);
    expect(world.secrets).toEqual(['old', 'old', 'new']);
  });

  test('I10: a caller does not wait for ever when the secret changes at every attempt', async () => {
    await using world = new World();
    const tokens = world.manager();
    await tokens.register({ appid: APPID, secret: SECRET });
    let serial = 0;
    world.wechat.always = async () => {
      await tokens.register({ appid: APPID, secret: `secret-${++serial}` });
      throw WRONG;
    };
    const failed = tokens.refresh(APPID, TYPE, { force: true }).catch((error: unknown) => error);
    await world.clock.advance(1_000);
    expect(await failed).toMatchObject({ errcode: 40_125 });
    expect(world.wechat.calls).toBe(5);
  });

  test('params of a task that is unregistered while its refresh waits for the lease are not sent', async () => {
    await using world = new World();
    const tokens = world.manager();
    const sent: unknown[] = [];
    world.wechat.always = async ({ params }) => {
      sent.push(params['code']);
      return {};
    };
    await tokens.start();
    const lease = await world.store.lease(KEY_ID, 20_000);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { code: 'gone' } }] });
    const got = tokens.get(APPID, TYPE);
    await world.clock.advance(100);
    const unregistered = tokens.unregister(APPID, TYPE);
    await world.clock.advance(10);
    await unregistered;
    await lease?.release();
    await world.clock.advance(1_000);
    expect(await got).toMatch(/^token-/);
    expect(sent).toEqual([undefined]);
  });

  test('a task that is unregistered during an attempt is not tried again', async () => {
    await using world = new HeldWorld();
    const tokens = world.manager();
    await world.tried(tokens, 'old');
    await tokens.unregister(APPID, TYPE);
    await world.answer();
    await world.clock.advance(60_000);
    expect(world.wechat.calls).toBe(1);
  });

  test('I3: a refresh token that is registered while a dead one is being sent is tried at once', async () => {
    await using world = new RotatingWorld();
    const tokens = world.process();
    world.upstream.arriving = () => new Promise<void>((resolve) => void world.clock.setTimer(resolve, 3_000));
    await world.register(tokens, { refresh_token: 'dead' });
    await world.clock.advance(1_000);
    const good = world.upstream.authorize();
    await world.register(tokens, { refresh_token: good });
    await world.clock.advance(10_000);
    expect(world.upstream.sent).toEqual(['dead', good]);
    expect(tokens.peek(APPID, USER_TYPE, USER)).toBeDefined();
    expect(world.reauthorizations()).toBe(0);
  });
});

describe('input of a failed attempt', () => {
  async function failed(world: World): Promise<TokenManager> {
    world.wechat.always = async ({ key }) => {
      if (key.subject === undefined) throw WRONG;
      return {};
    };
    const tokens = await world.registered();
    await world.clock.advance(1_000);
    expect(world.wechat.calls).toBe(1);
    return tokens;
  }

  test.each([
    ['a secret', { secret: 'another' }, 2],
    ['the mode', { accessToken: 'plain' as const }, 2],
    ['params', { tasks: [{ type: TYPE, params: { a: 1 } }] as const }, 2],
    ['another task', { tasks: [{ type: TYPE, subject: 'someone' }] as const }, 1],
    ['nothing', { secret: SECRET }, 1],
  ])('a failed task makes one attempt per input after a change of %s', async (_, change, calls) => {
    await using world = new World();
    const tokens = await failed(world);
    await tokens.register({ appid: APPID, ...change });
    await world.clock.advance(60_000);
    expect(world.wechat.asked.filter(({ key }) => key.subject === undefined)).toHaveLength(calls);
  });

  test('a change of notify alone does not end the cool-down of a failure', async () => {
    await using world = new World();
    const tokens = await failed(world);
    createCallbacks(tokens);
    await tokens.register({ appid: APPID, tasks: [{ type: TYPE, notify: 'http://127.0.0.1:9/told' }] });
    await world.clock.advance(60_000);
    await expect(tokens.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40_125 });
    expect(world.wechat.calls).toBe(1);
  });

  test('documents that are rewritten unchanged do not end the cool-down of a failure', async () => {
    await using world = new World();
    await failed(world);
    for (const id of [`app/${APPID}`, `task/${APPID}/${TYPE}`]) {
      const [document] = await world.store.get([id]);
      if (document === undefined) throw new Error(`${id} is missing`);
      await world.store.set(id, { ...document.data }, document.version);
    }
    const other = world.manager();
    await world.clock.advance(60_000);
    await expect(other.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40_125 });
    expect(world.wechat.calls).toBe(1);
  });

  test('a failure that a release without the input hash stored binds the registration of its versions', async () => {
    await using world = new World();
    await failed(world);
    const [document] = await world.store.get([KEY_ID]);
    if (document === undefined) throw new Error('the key is missing');
    const { trying, ...content } = unseal(document);
    const { input: _input, ...older } = trying as { input: string };
    const due = document.due === undefined ? {} : { due: document.due };
    await world.store.set(KEY_ID, seal(KEY_ID, { ...content, trying: older }), document.version, due);
    const other = world.manager();
    await expect(other.get(APPID, TYPE)).rejects.toMatchObject({ errcode: 40_125 });
    expect(world.wechat.calls).toBe(1);
    await other.register({ appid: APPID, secret: 'another' });
    await world.clock.advance(5_000);
    expect(world.wechat.calls).toBe(2);
  });

  test('a stored failure holds the versions that a release without the input hash compares', async () => {
    await using world = new World();
    await failed(world);
    const [key, app, task] = await world.store.get([KEY_ID, `app/${APPID}`, `task/${APPID}/${TYPE}`]);
    const registration = `${app?.version}:${task?.version}`;
    expect(key === undefined ? undefined : unseal(key)).toMatchObject({ trying: { registration } });
  });
});

test.each([
  ['the secret', { secret: 'another' }],
  ['the mode', { accessToken: 'plain' as const }],
  ['the params', { tasks: [{ type: TYPE, params: { a: 1 } }] as const }],
])('I9: a change of %s discards no valid token in any process', async (_, change) => {
  await using world = new World();
  const [tokens, other] = [await world.registered(), world.manager()];
  const value = await tokens.get(APPID, TYPE);
  expect(await other.get(APPID, TYPE)).toBe(value);
  world.wechat.always = WRONG;
  await tokens.register({ appid: APPID, ...change });
  await world.clock.advance(60_000);
  expect([await tokens.get(APPID, TYPE), await other.get(APPID, TYPE)]).toEqual([value, value]);
});
