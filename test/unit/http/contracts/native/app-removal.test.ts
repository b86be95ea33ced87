import { expect, onTestFinished, test, vi } from 'vitest';
import { engineOf } from '../../../../../src/core/engine/engine-of.js';
import { createHandler } from '../../../../../src/http/index.js';
import type { TokenManager } from '../../../../../src/index.js';
import { AuthorizationDocuments } from '../../../../../src/platform/authorizations/authorization-documents.js';
import { recoverAuthorizers } from '../../../../../src/push-server/index.js';
import { type Answered, askHandler } from '../../../../support/worlds/http-world.js';
import { COMPONENT, MERCHANT, PlatformWorld } from '../../../../support/worlds/platform-world.js';

const TYPE = 'authorizer_access_token';

interface Server {
  readonly world: PlatformWorld;
  readonly tokens: TokenManager;
  readonly remove: (query?: string) => Promise<Answered>;
  /** Returns the ids of the documents of the platform. */
  readonly documents: () => Promise<string[]>;
}

async function serving(world: PlatformWorld): Promise<Server> {
  const { tokens, receiver } = await world.receiving();
  const handler = createHandler(tokens, { anonymous: true, contracts: ['native', 'push'], push: receiver });
  return {
    world,
    tokens,
    remove: (query = '') => askHandler(handler, `/apps/${COMPONENT}${query}`, { method: 'DELETE' }),
    async documents() {
      const ids: string[] = [];
      for (const kind of ['app', 'task', 'key', 'owed', 'authorization', 'recovery']) {
        for await (const { id } of world.store.list(kind)) ids.push(id);
      }
      return ids;
    },
  };
}

async function withAuthorizers(world: PlatformWorld, count: number): Promise<Server> {
  const server = await serving(world);
  for (let index = 0; index < count; index++) world.platform.refreshTokens.set(`wxshop${index}`, `refresh-${index}`);
  await recoverAuthorizers(server.tokens, COMPONENT);
  return server;
}

test('A platform with authorizers is not unregistered unasked, and keeps everything', async () => {
  await using world = new PlatformWorld();
  const { remove, documents } = await withAuthorizers(world, 2);
  const before = await documents();
  const what = 'add ?authorizers=delete (--authorizers of the command) to remove their tasks and tokens as well';
  const detail = `2 accounts have authorized ${COMPONENT}: ${what}`;
  expect(await remove()).toMatchObject({ status: 409, body: { status: 409, detail } });
  expect(await remove('?authorizers=')).toMatchObject({ status: 409 });
  expect(await remove('?authorizers=yes')).toMatchObject({ status: 400 });
  expect(await documents()).toEqual(before);
});

test('A platform is unregistered with its authorizers when that is asked for, and a repetition changes nothing', async () => {
  await using world = new PlatformWorld();
  const { tokens, remove, documents } = await withAuthorizers(world, 1_200);
  const removing = remove('?authorizers=delete');
  await world.clock.advance(5_000);
  expect((await removing).status).toBe(204);
  expect(await documents()).toEqual([]);
  expect(tokens.hasTask(COMPONENT, TYPE, { subject: 'wxshop1' })).toBe(false);
  expect((await remove('?authorizers=delete')).status).toBe(204);
  expect((await remove()).status).toBe(204);
});

test('An account counts while its code is still to be exchanged, and no longer after the end of its authorization', async () => {
  await using world = new PlatformWorld();
  const { tokens, receiver } = await world.receiving();
  const handler = createHandler(tokens, { anonymous: true, contracts: ['native'] });
  const remove = (): Promise<Answered> => askHandler(handler, `/apps/${COMPONENT}`, { method: 'DELETE' });
  world.platform.failures.set('api_query_auth', new Error('away'));
  await world.push(receiver, world.authorized('code-1', 60_000));
  await world.settle();
  const one = { status: 409, body: { detail: expect.stringMatching(/^1 account has authorized /) } };
  expect(await remove()).toMatchObject(one);
  world.platform.failures.clear();
  await world.settle(60_000);
  expect(world.events).toEqual([`authorized ${COMPONENT} ${MERCHANT}`]);
  expect(await remove()).toMatchObject(one);
  await world.push(receiver, world.unauthorized());
  await world.settle();
  expect((await remove()).status).toBe(204);
});

test('A code that is being exchanged when its platform is unregistered brings nothing back', async () => {
  await using world = new PlatformWorld();
  const { tokens, receiver } = await world.receiving();
  const handler = createHandler(tokens, { anonymous: true, contracts: ['native'] });
  let answer = (): void => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  world.platform.arriving = (name) => (name === 'api_query_auth' ? held : undefined);
  await world.push(receiver, world.authorized('code-1'));
  await world.settle();
  const path = `/apps/${COMPONENT}?authorizers=delete`;
  expect((await askHandler(handler, path, { method: 'DELETE' })).status).toBe(204);
  answer();
  await world.settle(60_000);
  const left: string[] = [];
  for (const kind of ['app', 'task', 'key', 'owed', 'authorization']) {
    for await (const { id } of world.store.list(kind)) left.push(id);
  }
  expect(left).toEqual([]);
  expect(world.events).toEqual([]);
});

test('A recovery brings nothing back of a platform that is unregistered while it registers an account', async () => {
  await using world = new PlatformWorld();
  const { tokens } = await serving(world);
  world.platform.refreshTokens.set('wxshop1', 'refresh-1');
  unregisterBeforeTheNextRegistration(tokens);
  await expect(recoverAuthorizers(tokens, COMPONENT)).rejects.toMatchObject({ code: 'NOT_REGISTERED' });
  expect(await world.store.get([`app/${COMPONENT}`])).toEqual([undefined]);
});

test('An exchange brings nothing back of a platform that is unregistered while it registers the account', async () => {
  await using world = new PlatformWorld();
  const { tokens, receiver } = await world.receiving();
  unregisterBeforeTheNextRegistration(tokens);
  await world.push(receiver, world.authorized('code-1'));
  await world.settle(60_000);
  expect(await world.store.get([`app/${COMPONENT}`, `owed/${COMPONENT}/${MERCHANT}`])).toEqual([undefined, undefined]);
  expect(world.events).toEqual([]);
});

test.each([
  ['an authorization', (world: PlatformWorld) => world.authorized('code-1')],
  ['the end of an authorization', (world: PlatformWorld) => world.unauthorized()],
])(
  'A push of %s that is written after its platform was unregistered leaves nothing, and fails no more',
  async (_what, fieldsOf) => {
    await using world = new PlatformWorld();
    const { tokens, documents } = await serving(world);
    const other = world.process();
    const saveOwed = vi.spyOn(AuthorizationDocuments.prototype, 'saveOwed').mockImplementationOnce(async (...given) => {
      await tokens.unregister(COMPONENT);
      saveOwed.mockRestore();
      return new AuthorizationDocuments(engineOf(tokens).store, engineOf(tokens).reader).saveOwed(...given);
    });
    onTestFinished(() => void vi.restoreAllMocks());
    await world.push(other.receiver, fieldsOf(world));
    await world.settle(61_000);
    expect(await documents()).toEqual([`owed/${COMPONENT}/${MERCHANT}`]); // an emptied store might get its platform back
    await world.settle(20 * 60_000);
    expect(await documents()).toEqual([]);
    expect(world.events).toEqual([]);
    const failures = world.errors.length;
    await world.settle(3_600_000);
    expect(world.errors).toHaveLength(failures);
  },
);

/** Unregisters the platform when its next registration is about to be written. */
function unregisterBeforeTheNextRegistration(tokens: TokenManager): void {
  const { registrar } = engineOf(tokens);
  const register = registrar.register.bind(registrar);
  vi.spyOn(registrar, 'register').mockImplementationOnce(async (...given) => {
    await tokens.unregister(COMPONENT);
    return register(...given);
  });
  onTestFinished(() => void vi.restoreAllMocks());
}
