import { afterEach, describe, expect, test, vi } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import type { TokenManager } from '../../../../src/index.js';
import { AuthorizationDocuments } from '../../../../src/platform/authorizations/authorization-documents.js';
import {
  COMPONENT,
  MERCHANT,
  PlatformWorld,
  pausing,
  type ReceivingProcess,
  rejected,
} from '../../../support/worlds/platform-world.js';

const TYPE = 'authorizer_access_token';
const OF_MERCHANT = { subject: MERCHANT };

afterEach(() => {
  vi.restoreAllMocks();
});

async function token({ tokens }: { tokens: TokenManager }): Promise<string> {
  return tokens.get(COMPONENT, TYPE, OF_MERCHANT);
}

describe('an authorization', () => {
  test.each(['authorized', 'updateauthorized'])('%s is answered first, and then exchanged for tokens', async (type) => {
    await using world = new PlatformWorld();
    const process = await world.receiving();
    const answer = await world.push(process.receiver, world.authorized('code-1', 0, type));
    expect([answer.body, world.platform.countOf('api_query_auth')]).toEqual(['success', 0]);
    await world.settle();
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(await token(process)).toMatch(/^merchant-/);
    expect(process.tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(true);
    expect(world.events).toEqual([`authorized ${COMPONENT} ${MERCHANT}`]);
  });

  test('a repeated authorization is exchanged once, also after it was exchanged', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const fields = world.authorized('code-1');
    await world.push(receiver, fields);
    await world.push(receiver, fields);
    await world.settle();
    expect((await world.push(receiver, fields)).body).toBe('success');
    await world.settle();
    expect(world.platform.countOf('api_query_auth')).toBe(1);
  });

  test('two processes that take the same push exchange its code once', async () => {
    await using world = new PlatformWorld();
    const one = await world.receiving();
    const other = world.process();
    const fields = world.authorized('code-1');
    await Promise.all([world.push(one.receiver, fields), world.push(other.receiver, fields)]);
    await world.settle(120_000);
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(await token(other)).toBe(await token(one));
  });

  test('a new authorization replaces the tokens of the earlier one', async () => {
    await using world = new PlatformWorld();
    const process = await world.receiving();
    await world.push(process.receiver, world.authorized('code-1', 5_000));
    await world.settle();
    const before = await token(process);
    await world.push(process.receiver, world.authorized('code-2'));
    await world.settle();
    expect(await token(process)).not.toBe(before);
  });

  test('the target of an existing task is kept', async () => {
    await using world = new PlatformWorld();
    const process = await world.receiving();
    const params = { note: 'mine' };
    await process.tokens.register({ appid: COMPONENT, tasks: [{ type: TYPE, subject: MERCHANT, params }] });
    await world.push(process.receiver, world.authorized('code-1'));
    await world.settle();
    const [task] = await world.store.get([`task/${COMPONENT}/${TYPE}/${MERCHANT}`]);
    expect(task?.data['params']).toEqual(params);
  });

  test('the code of a mini program that the platform registered is exchanged', async () => {
    await using world = new PlatformWorld();
    const process = await world.receiving();
    world.platform.codes.set('code-1', MERCHANT);
    const fields = {
      ...world.ofPlatform('notify_third_fasteregister'),
      appid: MERCHANT,
      status: 0,
      auth_code: 'code-1',
    };
    await world.push(process.receiver, fields);
    await world.settle();
    expect(await token(process)).toMatch(/^merchant-/);
  });
});

describe('an authorization that is pushed when an earlier one has just been completed', () => {
  test.each(['the same process', 'another process'])('is exchanged at once: to %s', async (where) => {
    await using world = new PlatformWorld();
    const first = await world.receiving();
    const second = where === 'another process' ? world.process() : first;
    const { store } = world;
    const takeLease = store.lease.bind(store);
    let answer: string | undefined;
    store.lease = async (id, ttlMs) => {
      const lease = await takeLease(id, ttlMs);
      if (!id.startsWith('owed/') || lease === undefined) return lease;
      const release = async (): Promise<void> => {
        if (answer === undefined) {
          answer = (await world.push(second.receiver, world.authorized('code-2'))).body;
          // What follows the answer meets the lease.
          await world.clock.advance(1);
        }
        await lease.release();
      };
      return { ...lease, release };
    };
    await world.push(first.receiver, world.authorized('code-1', 5_000));
    await world.settle(10_000);
    expect(answer).toBe('success');
    expect(world.platform.countOf('api_query_auth')).toBe(2);
    expect(world.errors).toEqual([]);
  });
});

describe('an exchange that fails', () => {
  test('is tried again until WeChat answers', async () => {
    await using world = new PlatformWorld();
    const process = await world.receiving();
    world.platform.failures.set('api_query_auth', new Error('away'));
    await world.push(process.receiver, world.authorized('code-1'));
    await world.settle(10_000);
    expect(world.events).toEqual([]);
    expect(world.errors.some(({ message }) => message.includes(MERCHANT))).toBe(true);
    world.platform.failures.clear();
    await world.settle(60_000);
    expect(await token(process)).toMatch(/^merchant-/);
  });

  test('is completed with the refresh token that WeChat names, where the answer was lost', async () => {
    await using world = new PlatformWorld();
    const process = await world.receiving();
    world.platform.lostAnswers.add('api_query_auth');
    await world.push(process.receiver, world.authorized('code-1'));
    await world.settle(10_000);
    expect(world.platform.countOf('api_query_auth')).toBe(2);
    expect(await token(process)).toMatch(/^merchant-/);
    expect(world.events).toHaveLength(1);
  });

  test('is completed by another process, where the one that answered the push has ended', async () => {
    await using world = new PlatformWorld();
    const first = await world.receiving();
    await world.push(first.receiver, world.authorized('code-1'));
    const closed = first.tokens.close();
    await world.settle(20_000);
    await closed;
    const second = world.process();
    await world.settle(70_000);
    expect(await token(second)).toMatch(/^merchant-/);
  });

  test('is completed soon after the lease of a process that has died', async () => {
    await using world = new PlatformWorld();
    const process = await world.receiving();
    await world.settle(10_000);
    await world.store.lease(`owed/${COMPONENT}/${MERCHANT}`, 60_000);
    await world.push(process.receiver, world.authorized('code-1'));
    await world.settle(50_000);
    expect(world.platform.countOf('api_query_auth')).toBe(0);
    await world.settle(15_000);
    expect(await token(process)).toMatch(/^merchant-/);
    expect(world.errors).toEqual([]);
  });

  test('ends when WeChat names no refresh token', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const fields = world.authorized('code-1');
    world.platform.codes.clear();
    await world.push(receiver, fields);
    await world.settle(120_000);
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(world.events).toEqual([]);
    const [state] = await world.store.get([`authorization/${COMPONENT}/${MERCHANT}`]);
    expect(state?.data['state']).toBe('needsAuthorization');
  });

  test('ends when the account no longer authorizes the platform', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const fields = world.authorized('code-1');
    world.platform.codes.clear();
    world.platform.failures.set('api_get_authorizer_info', rejected(61_003));
    await world.push(receiver, fields);
    await world.settle(120_000);
    expect(world.platform.countOf('api_query_auth')).toBe(1);
  });

  test('is completed with the others that are pending at the start of a process, 16 at a time', async () => {
    await using world = new PlatformWorld();
    const first = await world.receiving();
    const merchants = Array.from({ length: 40 }, (_, index) => `wxmerchant${index}`);
    for (const AuthorizerAppid of merchants) {
      await world.push(first.receiver, { ...world.authorized(`code-of-${AuthorizerAppid}`), AuthorizerAppid });
      world.platform.codes.set(`code-of-${AuthorizerAppid}`, AuthorizerAppid);
    }
    const closed = first.tokens.close();
    await world.settle(20_000);
    await closed;
    let [held, most] = [0, 0];
    const takeLease = world.store.lease.bind(world.store);
    world.store.lease = async (id, ttlMs) => {
      const lease = await takeLease(id, ttlMs);
      if (!id.startsWith('owed/') || lease === undefined) return lease;
      held += 1;
      most = Math.max(most, held);
      const release = async (): Promise<void> => {
        held -= 1;
        await lease.release();
      };
      return { ...lease, release };
    };
    const second = world.process();
    await world.settle(10_000);
    for (const subject of merchants) {
      expect(await second.tokens.get(COMPONENT, TYPE, { subject })).toMatch(/^merchant-/);
    }
    expect(most).toBe(16);
  });

  test('leaves no code in an error', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    world.platform.failures.set('api_query_auth', new Error('away'));
    await world.push(receiver, world.authorized('CANARY-code'));
    await world.settle(10_000);
    expect(world.errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(world.errors.map(({ message, stack }) => [message, stack]))).not.toContain('CANARY');
  });
});

describe('the end of an authorization', () => {
  async function authorized(world: PlatformWorld) {
    const process = await world.receiving({ authorizerTasks: [TYPE, 'jsapi_ticket'] });
    await world.push(process.receiver, world.authorized('code-1', 60_000));
    await world.settle();
    return process;
  }

  test('removes the tasks and tokens of the account', async () => {
    await using world = new PlatformWorld();
    const process = await authorized(world);
    expect((await world.push(process.receiver, world.unauthorized())).body).toBe('success');
    await world.settle();
    expect(world.events).toEqual([`authorized ${COMPONENT} ${MERCHANT}`, `unauthorized ${COMPONENT} ${MERCHANT}`]);
    expect(process.tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(false);
    const left = await world.store.get([
      `key/${COMPONENT}/${TYPE}/${MERCHANT}`,
      `task/${COMPONENT}/jsapi_ticket/${MERCHANT}`,
    ]);
    expect(left).toEqual([undefined, undefined]);
  });

  test('that comes late, after a newer authorization, changes nothing', async () => {
    await using world = new PlatformWorld();
    const process = await authorized(world);
    await world.push(process.receiver, world.unauthorized(70_000));
    await world.settle();
    expect(world.events).toHaveLength(1);
    expect(await token(process)).toMatch(/^merchant-/);
  });

  test('stays, where an older authorization comes late', async () => {
    await using world = new PlatformWorld();
    const process = await authorized(world);
    await world.push(process.receiver, world.unauthorized());
    await world.settle();
    await world.push(process.receiver, world.authorized('code-0', 30_000));
    await world.settle();
    expect(world.platform.countOf('api_query_auth')).toBe(1);
    expect(process.tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(false);
  });

  const ORDERS = [
    ['before', true],
    ['after', false],
  ] as const;

  /** Pushes the end of the authorization and a new one of the same second, in one of both orders. */
  async function pushBoth(world: PlatformWorld, { receiver }: ReceivingProcess, endsFirst: boolean): Promise<void> {
    const pushes = [world.unauthorized(), world.authorized('code-2')];
    for (const fields of endsFirst ? pushes : pushes.toReversed()) await world.push(receiver, fields);
  }

  test.each(ORDERS)(
    'in the same second yields to an authorization whose code can be exchanged: pushed %s it',
    async (_order, first) => {
      await using world = new PlatformWorld();
      const process = await authorized(world);
      await pushBoth(world, process, first);
      await world.settle(5_000);
      expect(await token(process)).toMatch(/^merchant-/);
      expect(process.tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(true);
    },
  );

  test.each(ORDERS)(
    'in the same second counts, where the code cannot be exchanged: pushed %s the authorization',
    async (_order, first) => {
      await using world = new PlatformWorld();
      const process = await authorized(world);
      await pushBoth(world, process, first);
      world.platform.codes.clear();
      world.platform.refreshTokens.clear();
      await world.settle(5_000);
      expect(process.tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(false);
    },
  );
});

describe('work that is in the store', () => {
  test('is done when the store was unavailable at the start of the process', async () => {
    await using world = new PlatformWorld();
    const first = await world.receiving();
    await world.push(first.receiver, world.authorized('code-1'));
    const closed = first.tokens.close();
    await world.settle(20_000);
    await closed;
    const { now } = world.store;
    world.store.now = () => Promise.reject(new Error('away'));
    const second = world.process();
    await world.settle(10_000);
    world.store.now = now;
    await world.settle(60_000);
    expect(await token(second)).toMatch(/^merchant-/);
  });

  test('is done a few authorizations at a time, and a new push does not wait for the others', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const hanging: (() => void)[] = [];
    world.platform.arriving = (name) =>
      name === 'api_query_auth' ? new Promise((resolve) => void hanging.push(resolve)) : undefined;
    for (let merchant = 0; merchant < 100; merchant++) {
      const id = `owed/${COMPONENT}/wxmerchant${merchant}`;
      await world.store.set(id, seal(id, { kind: 'exchange', code: `code-${merchant}`, createdAt: 1 }), 0);
      world.platform.codes.set(`code-${merchant}`, `wxmerchant${merchant}`);
    }
    await world.settle(60_000);
    expect(hanging).toHaveLength(16);
    await world.push(receiver, world.authorized('code-of-a-push'));
    await world.settle();
    expect(hanging).toHaveLength(17);
    for (let round = 0; round < 30; round++) {
      for (const resolve of hanging.splice(0)) resolve();
      await world.settle(1_000);
    }
    expect(world.events).toHaveLength(101);
  });

  test('that goes on failing is tried less and less often, and reported each ten minutes', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    world.platform.failures.set('api_query_auth', rejected(48_001));
    await world.push(receiver, world.authorized('code-1'));
    await world.settle(3_600_000);
    const attempts = world.platform.countOf('api_query_auth');
    expect(attempts).toBeGreaterThan(10);
    expect(attempts).toBeLessThan(20);
    expect(world.errors.length).toBeGreaterThan(4);
    expect(world.errors.length).toBeLessThan(8);
  });

  test.each(['this process', 'another process'])(
    'is done soon when it is added while %s ends earlier work for the same account',
    async (which) => {
      await using world = new PlatformWorld();
      const first = await world.receiving();
      const other = world.process();
      const { lease } = world.store;
      const { paused, goOn } = pausing();
      world.store.lease = async (...given) => {
        const granted = await lease.apply(world.store, given);
        return (
          granted && {
            ...granted,
            release: async () => {
              if (granted.id.startsWith('owed/')) await paused;
              await granted.release();
            },
          }
        );
      };
      await world.push(first.receiver, world.authorized('code-1', 5_000));
      await world.settle();
      await world.push((which === 'this process' ? first : other).receiver, world.authorized('code-2'));
      await world.settle();
      expect(world.platform.countOf('api_query_auth')).toBe(1);
      goOn();
      await world.settle(3_000);
      expect(world.platform.countOf('api_query_auth')).toBe(2);
    },
  );

  test('is deleted with its platform, and with the code', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.authorized('code-1', 5_000));
    await world.settle();
    world.platform.failures.set('api_query_auth', rejected(48_001));
    await world.push(receiver, world.authorized('code-2'));
    await world.settle();
    await tokens.unregister(COMPONENT);
    const ids = ['owed', 'authorization'].map((kind) => `${kind}/${COMPONENT}/${MERCHANT}`);
    expect(await world.store.get(ids)).toEqual([undefined, undefined]);
    await world.settle(60_000);
    const failures = world.errors.length;
    await world.settle(3_600_000);
    expect(world.errors).toHaveLength(failures);
  });
});

describe('a process that has outlasted its lease', () => {
  test('does not bring back an authorization that has ended meanwhile', async () => {
    await using world = new PlatformWorld();
    const slow = await world.receiving();
    const other = world.process();
    const [request, reading] = [pausing(), pausing()];
    world.platform.arriving = (name) => (name === 'api_query_auth' ? request.paused : undefined);
    await world.push(slow.receiver, world.authorized('code-1', 5_000));
    await world.settle(50_000);
    const { read } = AuthorizationDocuments.prototype;
    vi.spyOn(AuthorizationDocuments.prototype, 'read').mockImplementationOnce(async function (
      this: AuthorizationDocuments,
      key,
    ) {
      const stored = await read.call(this, key);
      await reading.paused;
      return stored;
    });
    request.goOn();
    await world.settle();
    await world.push(other.receiver, world.unauthorized());
    await world.settle(30_000);
    expect(world.events).toEqual([`unauthorized ${COMPONENT} ${MERCHANT}`]);
    reading.goOn();
    await world.settle(120_000);
    expect(world.events).toHaveLength(1);
    expect(other.tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(false);
  });

  test('does not remove the tokens of an authorization that was given meanwhile', async () => {
    await using world = new PlatformWorld();
    const slow = await world.receiving();
    const other = world.process();
    await world.push(slow.receiver, world.authorized('code-1', 10_000));
    await world.settle();
    const engine = engineOf(slow.tokens);
    const unregisterTask = engine.unregisterTask.bind(engine);
    const { paused, goOn } = pausing();
    vi.spyOn(engine, 'unregisterTask').mockImplementationOnce(async (...given) => {
      await paused;
      await unregisterTask(...given);
    });
    await world.push(slow.receiver, world.unauthorized(5_000));
    await world.settle(61_000);
    await world.push(other.receiver, world.authorized('code-2'));
    await world.settle(5_000);
    const authorized = await token(other);
    goOn();
    await world.settle(120_000);
    expect(await token(other)).toBe(authorized);
    expect(other.tokens.hasTask(COMPONENT, TYPE, OF_MERCHANT)).toBe(true);
  });
});
