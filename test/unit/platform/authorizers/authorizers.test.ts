import { describe, expect, test } from 'vitest';
import {
  authorizationUrl,
  authorizers,
  describeAuthorizer,
  type KnownAuthorizer,
  recoverAuthorizers,
  startPushTicket,
} from '../../../../src/push-server/index.js';
import { COMPONENT, MERCHANT, PlatformWorld, rejected, SECRET } from '../../../support/worlds/platform-world.js';
import { failure } from '../../wechat/failure.js';

const TYPE = 'authorizer_access_token';

async function known(world: PlatformWorld, options = {}): Promise<KnownAuthorizer[]> {
  const { tokens } = world.process();
  const found: KnownAuthorizer[] = [];
  for await (const authorizer of authorizers(tokens, COMPONENT, options)) found.push(authorizer);
  return found;
}

describe('the URL of an authorization', () => {
  const options = { redirectUri: 'https://shop.test/back?a=1', authType: 3 };

  test('leads to the page for computers, with a code of its own', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    const url = new URL(await authorizationUrl(tokens, COMPONENT, { ...options, bizAppid: MERCHANT }));
    expect(`${url.origin}${url.pathname}`).toBe('https://mp.weixin.qq.com/cgi-bin/componentloginpage');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      component_appid: COMPONENT,
      pre_auth_code: expect.stringMatching(/^pre-auth-/),
      redirect_uri: 'https://shop.test/back?a=1',
      auth_type: '3',
      biz_appid: MERCHANT,
    });
    const other = new URL(await authorizationUrl(tokens, COMPONENT, options));
    expect(other.searchParams.get('pre_auth_code')).not.toBe(url.searchParams.get('pre_auth_code'));
  });

  test('leads to the page inside WeChat', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    const url = await authorizationUrl(tokens, COMPONENT, { ...options, form: 'wechat' });
    expect(url).toMatch(
      /^https:\/\/open\.weixin\.qq\.com\/wxaopen\/safe\/bindcomponent\?action=bindcomponent&no_scan=1&component_appid=.*#wechat_redirect$/,
    );
  });

  test.each<[string, object, RegExp]>([
    ['no type', { redirectUri: 'https://a.test' }, /^authType must be one of 1, 2, 3, 4, 5, 6, 8, got undefined$/],
    ['type 7', { ...options, authType: 7 }, /^authType must be one of .* got 7$/],
    ['a relative URL', { ...options, redirectUri: '/back' }, /^redirectUri must be an http or https URL/],
    ['a script', { ...options, redirectUri: 'javascript:alert(1)' }, /^redirectUri must be an http or https URL/],
    ['another form', { ...options, form: 'app' }, /^form must be 'page' or 'wechat', got "app"$/],
    ['a misspelt option', { ...options, bizAppId: 'wx1' }, /unknown name "bizAppId"/],
  ])('is not made with %s', async (_case, given, message) => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    await expect(authorizationUrl(tokens, COMPONENT, given as never)).rejects.toThrow(message);
  });
});

describe('the description of an authorizer', () => {
  test.each([
    ['an official account', {}, 'officialAccount'],
    ['a mini program', { MiniProgramInfo: {} }, 'miniProgram'],
  ])('of %s names its kind, state and permissions', async (_case, info, kind) => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.platform.info = {
      nick_name: 'Shop',
      user_name: 'gh_1',
      principal_name: 'Shop Ltd',
      account_status: 16,
      ...info,
    };
    expect(await describeAuthorizer(tokens, COMPONENT, MERCHANT)).toEqual({
      appid: MERCHANT,
      name: 'Shop',
      kind,
      state: 'banned',
      userName: 'gh_1',
      principalName: 'Shop Ltd',
      headImage: '',
      permissions: [1, 15],
    });
  });

  test('of an account that has not authorized the platform is an error with its code', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.platform.failures.set('api_get_authorizer_info', rejected(61_003));
    expect(await failure(describeAuthorizer(tokens, COMPONENT, MERCHANT))).toMatchObject({ errcode: 61_003 });
  });
});

describe('the push of tickets', () => {
  test('is started without a token', async () => {
    await using world = new PlatformWorld();
    const { tokens } = world.process();
    await tokens.register({ appid: COMPONENT, secret: SECRET });
    await startPushTicket(tokens, COMPONENT);
    expect(world.platform.asked.map(({ path }) => path)).toEqual(['/cgi-bin/component/api_start_push_ticket']);
  });

  test.each([
    ['that is not registered', 'wxunknown', 'NOT_REGISTERED'],
    ['that has no secret', 'wxsecretless', 'INPUT_MISSING'],
  ])('cannot be started for a platform %s', async (_case, component, code) => {
    await using world = new PlatformWorld();
    const { tokens } = world.process();
    await tokens.register({ appid: 'wxsecretless' });
    expect(await failure(startPushTicket(tokens, component))).toMatchObject({ code });
  });
});

describe('the list of authorizers', () => {
  test('has those that were pushed, with their states, in pages', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    world.platform.info = { nick_name: 'Shop', MiniProgramInfo: {} };
    await world.push(receiver, world.authorized('code-1', 60_000));
    await world.settle();
    const described = { name: 'Shop', kind: 'miniProgram', permissions: [1, 15] };
    expect(await known(world)).toEqual([
      { appid: MERCHANT, state: 'authorized', since: expect.any(Number), ...described },
    ]);
    await world.push(receiver, world.unauthorized());
    await world.settle();
    expect(await known(world, { limit: 1 })).toMatchObject([{ appid: MERCHANT, state: 'unauthorized' }]);
    expect(await known(world, { after: MERCHANT })).toEqual([]);
  });

  test('has what WeChat says after each authorization, and nothing of an account after its end', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    world.platform.info = { nick_name: 'Shop' };
    await world.push(receiver, world.authorized('code-1', 60_000));
    await world.settle();
    world.platform.info = { nick_name: 'Renamed' };
    await world.push(receiver, world.authorized('code-2', 50_000, 'updateauthorized'));
    await world.settle();
    expect(await known(world)).toMatchObject([{ name: 'Renamed' }]);
    await world.push(receiver, world.unauthorized());
    await world.settle();
    expect(await known(world)).toEqual([{ appid: MERCHANT, state: 'unauthorized', since: expect.any(Number) }]);
  });

  test('keeps the name of an account that authorizes again while WeChat cannot be asked for it', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    world.platform.info = { nick_name: 'Shop' };
    await world.push(receiver, world.authorized('code-1', 60_000));
    await world.settle();
    world.platform.failures.set('api_get_authorizer_info', new Error('away'));
    await world.push(receiver, world.authorized('code-2'));
    await world.settle();
    expect(await known(world)).toMatchObject([{ name: 'Shop', state: 'authorized' }]);
    expect(world.events).toEqual(Array(2).fill(`authorized ${COMPONENT} ${MERCHANT}`));
    expect(world.errors).toEqual([]);
  });

  test('has what a description has said of an account that was recovered, and asks for nothing itself', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.platform.refreshTokens.set(MERCHANT, 'refresh');
    world.platform.info = { nick_name: 'Shop' };
    await recoverAuthorizers(tokens, COMPONENT);
    const recovered = { appid: MERCHANT, state: 'authorized', since: expect.any(Number) };
    expect(await known(world)).toEqual([recovered]);
    expect(world.platform.countOf('api_get_authorizer_info')).toBe(0);
    await describeAuthorizer(tokens, COMPONENT, MERCHANT);
    expect(await known(world)).toEqual([{ ...recovered, name: 'Shop', kind: 'officialAccount', permissions: [1, 15] }]);
  });
});

describe('the recovery of authorizers', () => {
  function listed(world: PlatformWorld, count: number): void {
    for (let index = 0; index < count; index++) world.platform.refreshTokens.set(`wxshop${index}`, `refresh-${index}`);
  }

  test('restores those that the store has lost, over several pages, and reports its progress', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    listed(world, 1_200);
    const progress: number[] = [];
    const onProgress = ({ restored }: { restored: number }) => void progress.push(restored);
    const recovery = await recoverAuthorizers(tokens, COMPONENT, { onProgress });
    expect(recovery).toEqual({ total: 1_200, present: 0, restored: 1_200, needAuthorization: 0 });
    expect(progress).toEqual([500, 1_000, 1_200]);
    await world.settle();
    expect(await tokens.get(COMPONENT, TYPE, { subject: 'wxshop1199' })).toMatch(/^merchant-/);
    expect(await known(world)).toHaveLength(1_200);
  });

  test('registers the tasks that the receiver gives to authorizers, and leaves those that are there', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving({ authorizerTasks: [TYPE, 'jsapi_ticket'] });
    listed(world, 2);
    const params = { own: 'params' };
    await tokens.register({ appid: COMPONENT, tasks: [{ type: 'jsapi_ticket', subject: 'wxshop1', params }] });
    await recoverAuthorizers(tokens, COMPONENT);
    for (const subject of ['wxshop0', 'wxshop1']) {
      expect(tokens.hasTask(COMPONENT, 'jsapi_ticket', { subject })).toBe(true);
      expect(tokens.hasTask(COMPONENT, TYPE, { subject })).toBe(true);
    }
    const [kept] = await world.store.get([`task/${COMPONENT}/jsapi_ticket/wxshop1`]);
    expect(kept?.data['params']).toEqual(params);
  });

  test('leaves what is stored as it is, also when it is repeated', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.authorized('code-1'));
    await world.settle();
    listed(world, 2);
    world.platform.refreshTokens.set(MERCHANT, 'older');
    expect(await recoverAuthorizers(tokens, COMPONENT)).toEqual({
      total: 3,
      present: 1,
      restored: 2,
      needAuthorization: 0,
    });
    expect(await recoverAuthorizers(tokens, COMPONENT)).toEqual({
      total: 3,
      present: 3,
      restored: 0,
      needAuthorization: 0,
    });
    const [record] = await world.store.get([`key/${COMPONENT}/${TYPE}/${MERCHANT}`]);
    expect(JSON.stringify(record?.data)).toContain('refresh-of-code-1');
  });

  test('keeps the params of a task whose refresh token is lost', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    listed(world, 1);
    const task = { type: TYPE, subject: 'wxshop0', params: { note: 'mine' } } as const;
    await tokens.register({ appid: COMPONENT, tasks: [task] });
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ restored: 1 });
    const [stored] = await world.store.get([`task/${COMPONENT}/${TYPE}/wxshop0`]);
    expect(stored?.data['params']).toEqual({ note: 'mine' });
    expect(await tokens.get(COMPONENT, TYPE, { subject: 'wxshop0' })).toMatch(/^merchant-/);
  });

  test('counts those whose refresh token WeChat does not name', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    world.platform.refreshTokens.set('wxshop0', '');
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ restored: 0, needAuthorization: 1 });
    expect(await known(world)).toMatchObject([{ appid: 'wxshop0', state: 'needsAuthorization' }]);
  });

  test('does not restore an account that has ended its authorization since', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await world.push(receiver, world.unauthorized());
    await world.settle();
    world.platform.refreshTokens.set(MERCHANT, 'old');
    expect(await recoverAuthorizers(tokens, COMPONENT)).toMatchObject({ restored: 0, needAuthorization: 1 });
    expect(tokens.hasTask(COMPONENT, TYPE, { subject: MERCHANT })).toBe(false);
  });

  test('asks for the pages again when the number of authorizers has changed between them', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    listed(world, 600);
    const onProgress = (): void => void world.platform.refreshTokens.set('wxlate', 'late');
    expect(await recoverAuthorizers(tokens, COMPONENT, { onProgress })).toMatchObject({ total: 601, restored: 601 });
    expect(world.platform.countOf('api_get_authorizer_list')).toBe(4);
  });

  test('ends with the reason of its signal', async () => {
    await using world = new PlatformWorld();
    const { tokens } = await world.receiving();
    listed(world, 600);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort(new Error('enough'));
    const recovering = recoverAuthorizers(tokens, COMPONENT, { signal: controller.signal, onProgress });
    await expect(recovering).rejects.toThrow('enough');
    expect(world.platform.countOf('api_get_authorizer_list')).toBe(1);
  });
});
