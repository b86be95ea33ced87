import { describe, expect, test } from 'vitest';
import { TokenError, type TokenManager, type TokenStore } from '../../../../src/index.js';
import { authorizers, recoverAuthorizers } from '../../../../src/push-server/index.js';
import { COMPONENT, MERCHANT, PlatformWorld, rejected } from '../../../support/worlds/platform-world.js';

const TYPE = 'authorizer_access_token';
const OF_MERCHANT = { subject: MERCHANT };

async function stateOf(tokens: TokenManager, account = MERCHANT): Promise<string | undefined> {
  for await (const { appid, state } of authorizers(tokens, COMPONENT)) if (appid === account) return state;
  return undefined;
}

/** Lets the merchant authorize the platform without a push of it, so many seconds ago. */
function authorizeUnnoticed(world: PlatformWorld, refreshToken: string, agoSeconds: number): void {
  world.platform.refreshTokens.set(MERCHANT, refreshToken);
  world.platform.authorizedAt = Math.floor(world.clock.now() / 1_000) - agoSeconds;
}

describe('the state of an account that a recovery restores', () => {
  test('is authorized where it had ended its authorization, and the push of the new one was lost', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.unauthorized(50_000));
    await world.settle();
    expect(await stateOf(tokens)).toBe('unauthorized');
    authorizeUnnoticed(world, 'anew', 10);
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ restored: 1 });
    expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
    expect(await stateOf(tokens)).toBe('authorized');
  });

  test('is authorized where it needed an authorization, also if an earlier one has left a token and a task', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.authorized('code-1', 100_000));
    await world.settle();
    await world.push(receiver, world.authorized('code-2', 50_000));
    world.platform.codes.delete('code-2');
    world.platform.refreshTokens.delete(MERCHANT);
    await world.settle();
    expect(await stateOf(tokens)).toBe('needsAuthorization');
    authorizeUnnoticed(world, 'anew', 10);
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ restored: 1 });
    expect(await stateOf(tokens)).toBe('authorized');
    const [record] = await world.store.get([`key/${COMPONENT}/${TYPE}/${MERCHANT}`]);
    expect(record?.data['rotation']).toMatchObject({ token: 'anew' });
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ present: 1, restored: 0 });
  });

  test('is authorized with the token of a later authorization, also before its stored one is refused', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.authorized('code-1', 50_000));
    await world.settle();
    authorizeUnnoticed(world, 'anew', 10);
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ present: 0, restored: 1 });
    expect(await stateOf(tokens)).toBe('authorized');
    const [record] = await world.store.get([`key/${COMPONENT}/${TYPE}/${MERCHANT}`]);
    expect(record?.data['rotation']).toMatchObject({ token: 'anew' });
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ present: 1, restored: 0 });
  });

  test('is authorized where WeChat has refused its stored token, whenever it has authorized the platform', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.authorized('code-1'));
    await world.settle();
    const { answer } = world.platform;
    world.platform.answer = async (request, dated) => {
      const { authorizer_refresh_token: sent } = request.body as { authorizer_refresh_token?: string };
      if (sent !== 'refresh-of-code-1') return answer.call(world.platform, request, dated);
      throw new TokenError('REAUTHORIZATION_REQUIRED', 'refused with 61023', { errcode: 61_023 });
    };
    await world.clock.advance(7_300_000);
    await expect(tokens.get(COMPONENT, TYPE, OF_MERCHANT)).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' });
    world.platform.refreshTokens.set(MERCHANT, 'anew');
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ present: 0, restored: 1 });
    expect(await tokens.get(COMPONENT, TYPE, OF_MERCHANT)).toMatch(/^merchant-/);
  });

  test.each([61_003, 61_023])(
    'needs an authorization where WeChat refuses its token with %i, and the others are restored',
    async (errcode) => {
      await using world = new PlatformWorld();
      const { tokens } = await world.receiving();
      for (const name of ['wxrefused', 'wxother', 'wxthird']) world.platform.refreshTokens.set(name, `refresh-${name}`);
      const tasks = ['wxrefused', 'wxother'].map((subject) => ({ type: TYPE, subject }) as const);
      await tokens.register({ appid: COMPONENT, tasks });
      const { answer } = world.platform;
      world.platform.answer = (request, dated) => {
        const isRefused =
          request.path.endsWith('/api_authorizer_token') && JSON.stringify(request.body).includes('wxrefused');
        return isRefused ? Promise.reject(rejected(errcode)) : answer.call(world.platform, request, dated);
      };
      expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ restored: 2, needAuthorization: 1 });
      expect(await stateOf(tokens, 'wxrefused')).toBe('needsAuthorization');
      expect(await stateOf(tokens, 'wxother')).toBe('authorized');
      expect(await stateOf(tokens, 'wxthird')).toBe('authorized');
    },
  );

  test('is unauthorized, and its task gone, where its authorization ends before the task is registered', async () => {
    let beforeWrite: ((id: string) => Promise<void>) | undefined;
    const store = (base: TokenStore): TokenStore =>
      new Proxy(base, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (name !== 'set') return typeof value === 'function' ? value.bind(target) : value;
          return async (...args: Parameters<TokenStore['set']>) => {
            await beforeWrite?.(args[0]);
            return target.set(...args);
          };
        },
      });
    await using world = new PlatformWorld({ store });
    const { tokens } = await world.receiving();
    const other = world.process();
    authorizeUnnoticed(world, 'former', 1_000);
    const hasEnded = new Promise<void>((resolve) => void other.tokens.on('unauthorized', () => resolve()));
    beforeWrite = async (id) => {
      if (id !== `task/${COMPONENT}/${TYPE}/${MERCHANT}`) return;
      beforeWrite = undefined;
      world.platform.refreshTokens.delete(MERCHANT);
      await world.push(other.receiver, world.unauthorized());
      await hasEnded;
    };
    const recovering = recoverAuthorizers(tokens, COMPONENT);
    await world.settle(1_000);
    await recovering;
    await world.settle(61_000);
    expect(await stateOf(tokens)).toBe('unauthorized');
    expect(await world.store.get([`task/${COMPONENT}/${TYPE}/${MERCHANT}`])).toEqual([undefined]);
  });
});
