import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/index.js';
import { CheckWorld, CODE, expectedMessage, TEST_ACCOUNT, USER } from '../../../support/worlds/check-world.js';
import { COMPONENT, rejected } from '../../../support/worlds/platform-world.js';

const TYPE = 'authorizer_access_token';
const HOUR_MS = 3_600_000;
const LOST = new TokenError('UPSTREAM_UNAVAILABLE', 'the answer was lost', { retryable: true });

/** What is left of a code whose message was sent: its end. */
const DONE = [expect.not.objectContaining({ owed: expect.anything() })];

describe('a code of the release check', () => {
  test('is exchanged, and its token sends one message to the user who sent the code', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    await world.sendCode(receiver);
    await world.settle();
    expect(world.sent()).toEqual([{ token: expect.stringMatching(/^merchant-/), body: expectedMessage() }]);
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(world.errors).toEqual([]);
  });

  test('leaves neither itself nor its token in the store, and no token of the account', async () => {
    await using world = new CheckWorld();
    const { receiver, tokens } = await world.receiving();
    await world.sendCode(receiver);
    await world.settle();
    expect(await world.stored()).toEqual(DONE);
    expect(JSON.stringify(await world.stored())).not.toContain(CODE);
    await expect(tokens.get(COMPONENT, TYPE, { subject: TEST_ACCOUNT })).rejects.toMatchObject({
      code: 'INPUT_MISSING',
    });
    expect(tokens.hasTask(COMPONENT, TYPE, { subject: TEST_ACCOUNT })).toBe(false);
    await world.settle(HOUR_MS + 60_000);
    expect(await world.stored()).toEqual([]);
    expect(world.errors).toEqual([]);
  });

  test('is exchanged past the token of the account, which stays', async () => {
    await using world = new CheckWorld();
    const { receiver, tokens } = await world.receiving();
    await world.push(receiver, { ...world.authorized('code-1'), AuthorizerAppid: TEST_ACCOUNT });
    world.platform.codes.set('code-1', TEST_ACCOUNT);
    await world.settle();
    const before = await tokens.get(COMPONENT, TYPE, { subject: TEST_ACCOUNT });
    await world.sendCode(receiver);
    await world.settle();
    expect(world.sent()).toEqual([{ token: expect.not.stringMatching(before), body: expectedMessage() }]);
    expect(await tokens.get(COMPONENT, TYPE, { subject: TEST_ACCOUNT })).toBe(before);
  });

  test.each(['the same process', 'another process'])(
    'is exchanged once, however often it is pushed: to %s',
    async (to) => {
      await using world = new CheckWorld();
      const first = await world.receiving();
      const second = to === 'another process' ? world.process() : first;
      await Promise.all([world.sendCode(first.receiver), world.sendCode(second.receiver)]);
      await world.settle(120_000);
      expect((await world.sendCode(second.receiver)).body).toBe('');
      await world.settle(120_000);
      expect([world.platform.countOf('api_query_auth'), world.sent().length]).toEqual([1, 1]);
    },
  );

  test('is exchanged by another process, where the one that was told it does not refresh', async () => {
    await using world = new CheckWorld();
    await world.receiving();
    const reader = world.process({}, { refresh: 'never' });
    expect((await world.sendCode(reader.receiver)).body).toBe('');
    await world.settle();
    expect(world.platform.countOf('api_query_auth')).toBe(0);
    await world.settle(61_000);
    expect(world.sent()).toHaveLength(1);
  });

  test('is exchanged by another process, where the one that was told it has ended', async () => {
    await using world = new CheckWorld();
    const first = await world.receiving();
    await world.sendCode(first.receiver);
    const closed = first.tokens.close();
    await world.settle(20_000);
    await closed;
    expect(world.sent()).toEqual([]);
    world.process();
    await world.settle(70_000);
    expect(world.sent()).toHaveLength(1);
  });

  test('is exchanged soon after the lease of a process that has died', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    await world.settle(10_000);
    const takeLease = world.store.lease.bind(world.store);
    const dead: string[] = [];
    world.store.lease = async (id, ttlMs) => {
      if (!id.startsWith('check/') || dead.includes(id)) return takeLease(id, ttlMs);
      dead.push(id);
      await takeLease(id, ttlMs);
      return undefined;
    };
    await world.sendCode(receiver);
    await world.settle(55_000);
    expect(world.sent()).toEqual([]);
    await world.settle(35_000);
    expect(world.sent()).toHaveLength(1);
  });

  test('is deleted with the platform', async () => {
    await using world = new CheckWorld();
    const { receiver, tokens } = await world.receiving();
    world.platform.failures.set('api_query_auth', LOST);
    await world.sendCode(receiver);
    await world.settle();
    expect(await world.stored()).toHaveLength(1);
    const unregistered = tokens.unregister(COMPONENT);
    await world.settle(5_000);
    await unregistered;
    expect(await world.stored()).toEqual([]);
  });
});

describe('a failure during the release check', () => {
  test('of the exchange is reported once, and the exchange repeated until WeChat answers', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    world.platform.failures.set('api_query_auth', LOST);
    await world.sendCode(receiver);
    await world.settle(60_000);
    expect(world.errors.map(({ message }) => message)).toEqual([
      `the message of ${TEST_ACCOUNT} by which WeChat checks ${COMPONENT} before its release is not sent yet, ` +
        'and is retried: the answer was lost',
    ]);
    expect(world.platform.countOf('api_query_auth')).toBeGreaterThan(5);
    world.platform.failures.clear();
    await world.settle(31_000);
    expect(world.sent()).toHaveLength(1);
    expect(world.errors).toHaveLength(1);
  });

  test('that loses the answer to the exchange is healed with the refresh token that WeChat names', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    world.platform.lostAnswers.add('api_query_auth');
    await world.sendCode(receiver);
    await world.settle(10_000);
    expect(world.platform.countOf('api_authorizer_token')).toBe(1);
    expect(world.sent()).toMatchObject([{ body: expectedMessage() }]);
  });

  test('of the message is retried with the same token', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    world.platform.failures.set('send', LOST);
    await world.sendCode(receiver);
    await world.settle(10_000);
    world.platform.failures.clear();
    await world.settle(30_000);
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(new Set(world.sent().map(({ token }) => token)).size).toBe(1);
    expect(world.sent().length).toBeGreaterThan(1);
  });

  test('of the message continues with the token of the exchange in another process', async () => {
    await using world = new CheckWorld();
    const first = await world.receiving();
    world.platform.failures.set('send', LOST);
    await world.sendCode(first.receiver);
    await world.settle(2_000);
    const closed = first.tokens.close();
    await world.settle(20_000);
    await closed;
    world.platform.failures.clear();
    world.process();
    await world.settle(70_000);
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(new Set(world.sent().map(({ token }) => token)).size).toBe(1);
    expect(await world.stored()).toEqual(DONE);
  });

  test.each([40_001, 40_014, 42_001])('that ends the token is healed with another: %i', async (errcode) => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    world.platform.failures.set('send', rejected(errcode));
    await world.sendCode(receiver);
    await world.settle(500);
    world.platform.failures.clear();
    await world.settle(5_000);
    const [refused, accepted, ...others] = world.sent();
    expect(accepted?.token).not.toBe(refused?.token);
    expect([accepted?.body, others]).toEqual([expectedMessage(), []]);
    expect(world.platform.countOf('api_authorizer_token')).toBe(1);
  });

  test('of the store after the message does not send the message again', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    const { set } = world.store;
    world.platform.arriving = (name) => {
      if (name === 'send') world.store.set = () => Promise.reject(new Error('away'));
      return undefined;
    };
    await world.sendCode(receiver);
    await world.settle(10_000);
    world.store.set = set;
    await world.settle(60_000);
    expect(world.sent()).toHaveLength(1);
    expect(await world.stored()).toEqual(DONE);
  });

  test.each([
    ['the code is refused, and WeChat names no refresh token', (world: CheckWorld) => world.platform.codes.clear()],
    [
      'the code is refused, and the account does not authorize the platform',
      (world: CheckWorld) => {
        world.platform.codes.clear();
        world.platform.failures.set('api_get_authorizer_info', rejected(61_003));
      },
    ],
    [
      'the code is that of another account',
      (world: CheckWorld) => void world.platform.codes.set(CODE, 'wxanother00000000'),
    ],
  ])('that cannot be mended is reported, and ends the work: %s', async (_case, break_) => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    await world.sendCode(receiver);
    break_(world);
    await world.settle(300_000);
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(world.sent()).toEqual([]);
    expect(world.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^the message of wx14550af28c71a144 by which .* was not sent: the code /),
    ]);
  });

  test('that lasts until the code ends is reported, and the work ends', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    world.platform.failures.set('api_query_auth', LOST);
    await world.sendCode(receiver);
    await world.settle(HOUR_MS - 1_000);
    expect(await world.stored()).toHaveLength(1);
    await world.settle(61_000);
    expect(await world.stored()).toEqual([]);
    expect(world.errors.at(-1)?.message).toMatch(/was not sent: the code has ended$/);
    const asked = world.platform.countOf('api_query_auth');
    world.platform.failures.clear();
    await world.settle(HOUR_MS);
    expect(world.platform.countOf('api_query_auth')).toBe(asked);
  });

  test('shows neither the code nor the user nor a token in an error', async () => {
    await using world = new CheckWorld();
    const { receiver } = await world.receiving();
    world.platform.failures.set('send', LOST);
    await world.sendCode(receiver);
    await world.settle(HOUR_MS + 61_000);
    expect(world.errors).toHaveLength(2);
    const shown = JSON.stringify(world.errors.map(({ message, stack }) => [message, stack]));
    for (const secret of ['CANARY', USER, String(world.sent()[0]?.token)]) expect(shown).not.toContain(secret);
  });
});

test('a process that outlasts its lease at the exchange leaves the message to the one that takes over', async () => {
  await using world = new CheckWorld();
  const { receiver } = await world.receiving();
  let goOn = (): void => {};
  world.platform.arriving = (name) => {
    if (name !== 'api_query_auth') return undefined;
    world.platform.arriving = () => undefined;
    return new Promise((resolve) => {
      goOn = resolve;
    });
  };
  await world.sendCode(receiver);
  await world.settle();
  world.process();
  await world.settle(130_000);
  expect(world.sent()).toHaveLength(1);
  goOn();
  await world.settle(130_000);
  expect(world.sent()).toHaveLength(1);
  expect(await world.stored()).toEqual(DONE);
});
