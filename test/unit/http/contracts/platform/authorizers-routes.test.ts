import { expect, test } from 'vitest';
import { createApiKey, createHandler } from '../../../../../src/http/index.js';
import { recoverAuthorizers } from '../../../../../src/push-server/index.js';
import { type Answered, type Asked, askHandler } from '../../../../support/worlds/http-world.js';
import { COMPONENT, MERCHANT, PlatformWorld, rejected } from '../../../../support/worlds/platform-world.js';

const LIST = `/platform/${COMPONENT}/authorizers`;
const SINCE = 1_600_000_000_000;

/** A platform that is served, of whose authorizers three were recovered. */
async function served(
  world: PlatformWorld,
): Promise<{ readonly ask: (path: string, asked?: Asked) => Promise<Answered> }> {
  const { tokens, receiver } = await world.receiving();
  for (const name of ['a', 'b', 'c']) world.platform.refreshTokens.set(`wxshop${name}`, `CANARY-${name}`);
  await recoverAuthorizers(tokens, COMPONENT);
  const handler = createHandler(tokens, { anonymous: true, contracts: ['native', 'push'], push: receiver });
  return { ask: (path, asked) => askHandler(handler, path, asked) };
}

test('The authorizers of a platform are listed in pages, without values and without a request to WeChat', async () => {
  await using world = new PlatformWorld();
  const { ask } = await served(world);
  const requests = world.platform.asked.length;
  const all = ['a', 'b', 'c'].map((name) => ({ appid: `wxshop${name}`, state: 'authorized', since: SINCE }));
  expect((await ask(LIST)).body).toEqual({ authorizers: all });
  const first = await ask(`${LIST}?limit=2`);
  expect(first.body).toEqual({ authorizers: all.slice(0, 2), after: 'wxshopb' });
  expect((await ask(`${LIST}?limit=2&after=wxshopb`)).body).toEqual({ authorizers: all.slice(2) });
  expect((await ask(`${LIST}?limit=3`)).body).toEqual({ authorizers: all });
  expect(JSON.stringify(first.body)).not.toContain('CANARY');
  expect(world.platform.asked).toHaveLength(requests);
});

test('An authorizer is described by WeChat, and has a name in the list from then on', async () => {
  await using world = new PlatformWorld();
  const { ask } = await served(world);
  world.platform.info = { nick_name: 'Shop', user_name: 'gh_1', principal_name: 'Shop Ltd', MiniProgramInfo: {} };
  const about = { name: 'Shop', kind: 'miniProgram', permissions: [1, 15] };
  const described = await ask(`${LIST}/wxshopb`);
  expect(described.status).toBe(200);
  expect(described.body).toEqual({
    appid: 'wxshopb',
    state: 'normal',
    userName: 'gh_1',
    principalName: 'Shop Ltd',
    headImage: '',
    ...about,
  });
  expect((await ask(`${LIST}?limit=1&after=wxshopa`)).body).toMatchObject({
    authorizers: [{ appid: 'wxshopb', state: 'authorized', since: SINCE, ...about }],
  });
});

test('WeChat is not asked about an account of which no authorization is known', async () => {
  await using world = new PlatformWorld();
  const { ask } = await served(world);
  expect(await ask(`${LIST}/${MERCHANT}`)).toMatchObject({
    status: 404,
    body: { detail: `no authorization of ${COMPONENT} by this account is known` },
  });
  expect(world.platform.countOf('api_get_authorizer_info')).toBe(0);
});

test('The refusal of a description has the code of WeChat', async () => {
  await using world = new PlatformWorld();
  const { ask } = await served(world);
  world.platform.failures.set('api_get_authorizer_info', rejected(61_003));
  expect(await ask(`${LIST}/wxshopa`)).toMatchObject({
    status: 502,
    body: { code: 'UPSTREAM_REJECTED', errcode: 61_003 },
  });
});

test.each([
  ['a platform that is not registered', '/platform/wxother/authorizers', 404],
  ['the accounts of a platform that is not registered', `/platform/wxother/authorizers/${MERCHANT}`, 404],
  ['a platform whose appid is malformed', '/platform/a%2Fb/authorizers', 400],
  ['an account whose appid is malformed', `${LIST}/a%2Fb`, 400],
  ['a limit of zero', `${LIST}?limit=0`, 400],
  ['a limit above a thousand', `${LIST}?limit=1001`, 400],
  ['a place that is no appid', `${LIST}?after=a%2Fb`, 400],
])('A list of authorizers is refused for %s', async (_case, path, status) => {
  await using world = new PlatformWorld();
  const { ask } = await served(world);
  expect(await ask(path)).toMatchObject({ status, body: { status } });
});

test('A key lists the authorizers of its own platforms with the scope read', async () => {
  await using world = new PlatformWorld();
  const { tokens, receiver } = await world.receiving();
  const keys = [
    createApiKey({ scopes: ['read'], appids: [COMPONENT] }),
    createApiKey({ scopes: ['read'], appids: ['wxother'] }),
    createApiKey({ scopes: ['register'], appids: [COMPONENT] }),
  ];
  const options = { keys: keys.map(({ entry }) => entry), contracts: ['push'], push: receiver } as const;
  const handler = createHandler(tokens, options);
  const statuses: number[] = [];
  for (const { key } of keys) {
    const { status } = await askHandler(handler, LIST, { headers: { authorization: `Bearer ${key}` } });
    statuses.push(status);
  }
  const { status } = await askHandler(handler, LIST);
  expect([...statuses, status]).toEqual([200, 403, 403, 401]);
});
