import { afterEach, describe, expect, test, vi } from 'vitest';
import { TokenError } from '../../../../src/index.js';
import {
  type AuthorizerInfo,
  authorizers,
  exchangeAuthorizationCode,
  type KnownAuthorizer,
} from '../../../../src/push-server/index.js';
import {
  COMPONENT,
  MERCHANT,
  PlatformWorld,
  pausing,
  rejected,
  SECRET,
} from '../../../support/worlds/platform-world.js';
import { failure } from '../../wechat/failure.js';

const TYPE = 'authorizer_access_token';
const OF_MERCHANT = { subject: MERCHANT };
const QUERY = 'api_query_auth';

afterEach(() => {
  vi.restoreAllMocks();
});

async function known(world: PlatformWorld): Promise<KnownAuthorizer[]> {
  const found: KnownAuthorizer[] = [];
  for await (const authorizer of authorizers(world.process().tokens, COMPONENT)) found.push(authorizer);
  return found;
}

/** Returns the outcome of an exchange, while the time of the world goes on. */
async function later<Result>(world: PlatformWorld, exchanging: Promise<Result>, ms = 5_000): Promise<Result> {
  exchanging.catch(() => {});
  await world.settle(ms);
  return exchanging;
}

describe('the code with which a merchant comes back', () => {
  test('is exchanged for an account whose tokens and tasks are stored, without the tokens', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    const info = await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1');
    expect(info).toEqual({ appid: MERCHANT, permissions: [1, 15], since: expect.any(Number) });
    const other = world.process();
    expect(await other.tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
    expect(tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(true);
    expect(await known(world)).toMatchObject([{ appid: MERCHANT, state: 'authorized', since: info.since }]);
    expect(world.events).toEqual([`authorized ${COMPONENT} ${MERCHANT}`]);
    expect([...(await ids(world, 'owed'))]).toEqual([]);
  });

  test('needs no receiver of pushes', async () => {
    await using world = new PlatformWorld();
    const { tokens } = world.process();
    await tokens.register({ appid: COMPONENT, secret: SECRET, tasks: ['component_access_token'] });
    await tokens.put(COMPONENT, 'component_verify_ticket', { value: 'ticket', expiresInSeconds: 43_200 });
    world.authorized('code-1');
    expect(await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).toMatchObject({ appid: MERCHANT });
    expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
  });

  test('gives an account the tasks that the receiver of the manager registers', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving({ authorizerTasks: ['jsapi_ticket'] });
    world.authorized('code-1');
    await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1');
    expect(tokens.hasTask(COMPONENT, 'jsapi_ticket', OF_MERCHANT)).toBe(true);
    expect(tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(false);
  });

  test('is the same account within an hour, in every process, and is exchanged once', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    const first = await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1');
    await world.settle(59 * 60_000);
    for (const process of [tokens, world.process().tokens]) {
      expect(await exchangeAuthorizationCode(process, COMPONENT, 'code-1')).toEqual(first);
    }
    expect(world.platform.countOf(QUERY)).toBe(1);
    await world.settle(2 * 60_000);
    await expect(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).rejects.toMatchObject({ errcode: 61_009 });
  });

  test('is dated by the answer of WeChat: an end that was pushed before it does not count, a later one does', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    world.authorized('code-1');
    const at = Math.floor(world.clock.now() / 1_000) * 1_000 + 2_000;
    world.platform.date = at;
    expect(await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).toMatchObject({ since: at });
    await world.push(receiver, world.unauthorized());
    await world.settle();
    expect(await known(world)).toMatchObject([{ state: 'authorized' }]);
    await world.push(receiver, world.unauthorized(-3_000));
    await world.settle();
    expect(await known(world)).toMatchObject([{ state: 'unauthorized' }]);
    expect(await failure(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'))).toMatchObject({
      code: 'REAUTHORIZATION_REQUIRED',
      appid: COMPONENT,
      subject: MERCHANT,
    });
  });

  test('does not make later pushes count as old ones when the answer of WeChat is dated far ahead', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    world.platform.date = world.clock.now() + 365 * 86_400_000;
    const { since } = await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1');
    expect(since).toBe(world.clock.now() + 10 * 60_000);
  });

  test.each<[string, unknown, unknown]>([
    ['an appid that is none', 'no appid', 'code-1'],
    ['no code', COMPONENT, undefined],
    ['an empty code', COMPONENT, ''],
    ['a code with a space', COMPONENT, 'CANARY code'],
    ['a code that is too long', COMPONENT, 'c'.repeat(1_025)],
  ])('is refused at the call with %s', async (_case, component, code) => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    const error = await failure(exchangeAuthorizationCode(tokens, component as never, code as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).not.toContain('CANARY');
    expect(world.platform.asked).toEqual([]);
  });

  test('is refused for a platform that is not registered, without asking WeChat', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    const error = await failure(exchangeAuthorizationCode(tokens, 'wxother0000000000', 'code-1'));
    expect(error).toMatchObject({ code: 'NOT_REGISTERED' });
    expect(world.platform.asked).toEqual([]);
  });

  test.each([61_009, 61_010])('that WeChat refuses with %i is refused, and nothing is kept of it', async (errcode) => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.platform.failures.set(QUERY, rejected(errcode));
    for (let time = 0; time < 2; time++) {
      const error = await failure(exchangeAuthorizationCode(tokens, COMPONENT, 'CANARY-code'));
      expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', errcode });
      expect(`${error.message}${error.stack}`).not.toContain('CANARY');
    }
    expect(await known(world)).toEqual([]);
    expect(world.platform.countOf('api_get_authorizer_list')).toBe(0);
  });

  test('waits for no answer longer than any call, and is exchanged by the next one', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    const away = new TokenError('UPSTREAM_UNAVAILABLE', 'WeChat is away', { retryable: true });
    world.platform.failures.set(QUERY, away);
    await expect(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).rejects.toBe(away);
    world.platform.failures.clear();
    expect(await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).toMatchObject({ appid: MERCHANT });
  });
});

describe('a code that comes back and is pushed', () => {
  test('is not exchanged again when the push was first', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.authorized('code-1', 3_000));
    await world.settle();
    const { tokens: elsewhere } = world.process();
    for (const process of [tokens, elsewhere]) {
      expect(await exchangeAuthorizationCode(process, COMPONENT, 'code-1')).toMatchObject({
        appid: MERCHANT,
        permissions: [1, 15],
      });
    }
    expect(world.platform.countOf(QUERY)).toBe(1);
    expect(world.events).toHaveLength(1);
  });

  test('is not exchanged again when the push is second', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    const fields = world.authorized('code-1', 3_000);
    await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1');
    expect((await world.push(receiver, fields)).body).toBe('success');
    await world.settle(120_000);
    expect(world.platform.countOf(QUERY)).toBe(1);
    expect(world.events).toHaveLength(1);
  });

  test('is not asked about again while another process works on the authorization', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    const lease = await world.store.lease(`owed/${COMPONENT}/${MERCHANT}`, 60_000);
    const exchanging = exchangeAuthorizationCode(tokens, COMPONENT, 'code-1');
    await world.settle(3_000);
    await lease?.release();
    expect(await later(world, exchanging)).toMatchObject({ appid: MERCHANT });
    expect(world.platform.countOf(QUERY)).toBe(1);
  });

  test('is the same account for a call that asks WeChat while an earlier one is being completed', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    const lease = await world.store.lease(`owed/${COMPONENT}/${MERCHANT}`, 60_000);
    const first = exchangeAuthorizationCode(tokens, COMPONENT, 'code-1');
    await world.settle(1_000);
    world.platform.arriving = async (name) => {
      if (name !== QUERY) return;
      await lease?.release();
      await first;
    };
    const second = exchangeAuthorizationCode(world.process().tokens, COMPONENT, 'code-1');
    expect(await later(world, second)).toEqual(await first);
    expect(world.platform.countOf('api_get_authorizer_list')).toBe(0);
  });

  test.each(['the same process', 'another process'])(
    'is exchanged once when both come at once: to %s',
    async (where) => {
      await using world = new PlatformWorld();
      const { tokens, receiver } = await world.receiving();
      const back = where === 'another process' ? world.process().tokens : tokens;
      const fields = world.authorized('code-1');
      const [info] = await later(
        world,
        Promise.all([
          exchangeAuthorizationCode(back, COMPONENT, 'code-1'),
          exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'),
          world.push(receiver, fields),
        ]),
      );
      expect(info).toMatchObject({ appid: MERCHANT });
      await world.settle(120_000);
      expect(world.platform.countOf(QUERY)).toBe(1);
      // The one request is for the name of the account.
      expect(world.platform.countOf('api_get_authorizer_info')).toBe(1);
      expect(world.events).toHaveLength(1);
    },
  );

  test.each(['push', 'redirect'])(
    'is exchanged once when the other comes while WeChat is asked for the %s',
    async (first) => {
      await using world = new PlatformWorld();
      const { tokens, receiver } = await world.receiving();
      const { tokens: elsewhere } = world.process();
      const fields = world.authorized('code-1');
      const { paused, goOn } = pausing();
      world.platform.arriving = (name) => (name === QUERY ? paused : undefined);
      const exchange = (): Promise<AuthorizerInfo> => exchangeAuthorizationCode(elsewhere, COMPONENT, 'code-1');
      let exchanging: Promise<AuthorizerInfo>;
      if (first === 'push') {
        await world.push(receiver, fields);
        await world.settle();
        exchanging = exchange();
      } else {
        exchanging = exchange();
        await world.settle();
        await world.push(receiver, fields);
      }
      await world.settle(1_000);
      expect(world.platform.countOf(QUERY)).toBe(1);
      goOn();
      expect(await later(world, exchanging)).toMatchObject({ appid: MERCHANT });
      await world.settle(120_000);
      expect(world.platform.countOf(QUERY)).toBe(1);
      expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
      expect(world.events).toHaveLength(1);
    },
  );

  test('is one account for a process that leaves the exchange to others', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const reader = world.process({}, { refresh: 'never' });
    const fields = world.authorized('code-1');
    const exchanging = exchangeAuthorizationCode(reader.tokens, COMPONENT, 'code-1');
    await world.settle(1_000);
    await world.push(receiver, fields);
    expect(await later(world, exchanging)).toMatchObject({ appid: MERCHANT });
    const without = exchangeAuthorizationCode(reader.tokens, COMPONENT, 'code-2');
    await expect(later(world, without, 61_000)).rejects.toMatchObject({
      code: 'REFRESH_DISABLED',
    });
    expect(world.platform.countOf(QUERY)).toBe(1);
  });
});

describe('an exchange whose answer is lost', () => {
  test('is completed by the push, and is one account afterwards', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    const fields = world.authorized('code-1');
    world.platform.lostAnswers.add(QUERY);
    await expect(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    });
    await world.push(receiver, fields);
    await world.settle();
    expect(await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).toMatchObject({
      appid: MERCHANT,
      permissions: [1, 15],
    });
    expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
  });

  test('loses no account where no push comes: the call is told that it is not known whose it was', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    world.platform.authorizedAt = world.clock.now() / 1_000;
    world.platform.lostAnswers.add(QUERY);
    await failure(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'));
    for (let time = 0; time < 2; time++) {
      const error = await failure(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'));
      expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', errcode: 61_009, retryable: true });
    }
    expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
    expect(world.platform.countOf('api_get_authorizer_list')).toBe(1);
  });

  test('does not restore accounts that have authorized the platform long before', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.platform.refreshTokens.set('wxolder0000000000', 'refresh-older');
    world.authorized('code-1');
    world.platform.lostAnswers.add(QUERY);
    await failure(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'));
    await failure(exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'));
    expect(await known(world)).toEqual([]);
  });

  test('finds the account by a push that came before and is not done yet', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    const reader = world.process({}, { refresh: 'never' });
    await world.push(reader.receiver, world.authorized('code-1'));
    world.platform.codes.clear();
    world.platform.refreshTokens.set(MERCHANT, 'refresh-of-code-1');
    expect(await exchangeAuthorizationCode(tokens, COMPONENT, 'code-1')).toMatchObject({ appid: MERCHANT });
    expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
  });
});

describe('a process that ends after the exchange of a code', () => {
  test.each(['put', 'registerTasks', 'saveState'])('leaves the rest to others: before %s', async (step) => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    const { store } = world;
    const set = store.set.bind(store);
    const prefix = { put: 'key/', registerTasks: 'task/', saveState: 'authorization/' }[step] as string;
    let isKilled = false;
    store.set = (id, ...rest) => {
      isKilled ||= id.startsWith(prefix) && id.endsWith(MERCHANT);
      return isKilled ? Promise.reject(new Error('killed')) : set(id, ...rest);
    };
    await expect(later(world, exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'), 61_000)).rejects.toThrow();
    expect(isKilled).toBe(true);
    store.set = set;
    await tokens.close();
    const other = world.process();
    await world.settle(130_000);
    expect(await other.tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
    expect(await exchangeAuthorizationCode(other.tokens, COMPONENT, 'code-1')).toMatchObject({ appid: MERCHANT });
    expect(world.platform.countOf(QUERY)).toBe(1);
    // The one request is for the name of the account.
    expect(world.platform.countOf('api_get_authorizer_info')).toBe(1);
  });

  test('leaves tokens that have expired by then to be requested with the refresh token of the exchange', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.authorized('code-1');
    const { store } = world;
    const set = store.set.bind(store);
    store.set = (id, ...rest) =>
      id.startsWith(`key/${COMPONENT}/${TYPE}`) ? Promise.reject(new Error('killed')) : set(id, ...rest);
    await failure(later(world, exchangeAuthorizationCode(tokens, COMPONENT, 'code-1'), 61_000));
    await tokens.close();
    store.set = set;
    await world.clock.advance(3 * 3_600_000);
    const other = world.process();
    await world.push(other.receiver, world.ticket('later'));
    await world.settle(130_000);
    expect(await other.tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
    // The one request is for the name of the account.
    expect(world.platform.countOf('api_get_authorizer_info')).toBe(1);
  });
});

async function ids(world: PlatformWorld, prefix: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { id } of world.store.list(prefix)) found.push(id);
  return found;
}
