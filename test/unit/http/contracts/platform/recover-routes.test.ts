import { expect, test, vi } from 'vitest';
import { engineOf } from '../../../../../src/core/engine/engine-of.js';
import { noop } from '../../../../../src/core/primitives/noop.js';
import { createHandler, type Handler } from '../../../../../src/http/index.js';
import type { TokenManager, TokenManagerOptions } from '../../../../../src/index.js';
import { type Answered, askHandler } from '../../../../support/worlds/http-world.js';
import { COMPONENT, PlatformWorld, rejected } from '../../../../support/worlds/platform-world.js';

const PATH = `/platform/${COMPONENT}/recover`;
const NO_LIST = { total: 0, present: 0, restored: 0, needAuthorization: 0 };

interface Server {
  readonly tokens: TokenManager;
  readonly handler: Handler;
}

function serving(world: PlatformWorld, options: TokenManagerOptions = {}): Server {
  const { tokens, receiver } = world.process({}, options);
  return { tokens, handler: createHandler(tokens, { anonymous: true, contracts: ['native', 'push'], push: receiver }) };
}

/** Returns a server whose platform has a ticket, and three authorizers at WeChat alone. */
async function withLostAuthorizers(world: PlatformWorld): Promise<Server> {
  await world.receiving();
  for (const name of ['a', 'b', 'c']) world.platform.refreshTokens.set(`wxshop${name}`, `CANARY-${name}`);
  return serving(world);
}

function post({ handler }: Server): Promise<Answered> {
  return askHandler(handler, PATH, { method: 'POST' });
}

function show({ handler }: Server, query = ''): Promise<Answered> {
  return askHandler(handler, PATH + query);
}

/** Makes WeChat's list wait, and returns a function that lets it go on. */
function holdList(world: PlatformWorld): { readonly asked: Promise<void>; readonly release: () => void } {
  let release = noop;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    world.platform.arriving = (name) => {
      if (name !== 'api_get_authorizer_list') return undefined;
      resolve();
      return held;
    };
  });
  return { asked, release };
}

test('A recovery that ends in time is answered with its counts, and shown afterwards', async () => {
  await using world = new PlatformWorld();
  const server = await withLostAuthorizers(world);
  expect(await show(server)).toMatchObject({
    status: 404,
    body: { detail: `no recovery of ${COMPONENT} has begun yet` },
  });
  world.platform.refreshTokens.set('wxshopc', '');
  const answer = await post(server);
  const counts = { total: 3, present: 0, restored: 2, needAuthorization: 1 };
  expect(answer).toMatchObject({ status: 200, body: { state: 'done', ...counts } });
  expect(answer.body).toEqual({
    state: 'done',
    ...counts,
    startedAt: expect.any(Number),
    endedAt: expect.any(Number),
  });
  expect((await show(server)).body).toEqual(answer.body);
  expect(await server.tokens.get(COMPONENT, 'authorizer_access_token', { subject: 'wxshopa' })).toMatch(/^merchant-/);
  expect(await post(server)).toMatchObject({ body: { present: 2, restored: 0 } });
});

test('A recovery that takes long is answered with 202 after 25 s, and shows its progress to every server', async () => {
  await using world = new PlatformWorld();
  const server = await withLostAuthorizers(world);
  const other = serving(world);
  const list = holdList(world);
  const first = post(server);
  await list.asked;
  await world.clock.advance(24_000);
  const second = post(other);
  await world.clock.advance(2_000);
  expect(await first).toMatchObject({ status: 202, body: { state: 'running', ...NO_LIST } });
  expect(await show(other)).toMatchObject({ status: 200, body: { state: 'running', ...NO_LIST } });
  const waiting = show(server, '?wait=25');
  list.release();
  await world.clock.advance(2_000);
  const done = { state: 'done', restored: 3 };
  expect(await second).toMatchObject({ status: 200, body: done });
  expect(await waiting).toMatchObject({ status: 200, body: done });
  expect(world.platform.countOf('api_get_authorizer_list')).toBe(1);
});

test('Requests for a recovery that come together begin one', async () => {
  await using world = new PlatformWorld();
  const servers = [await withLostAuthorizers(world), serving(world)] as const;
  const answers = Promise.all([...servers, ...servers].map(post));
  await world.clock.advance(1_500);
  for (const answer of await answers) expect(answer).toMatchObject({ status: 200, body: { restored: 3 } });
  expect(world.platform.countOf('api_get_authorizer_list')).toBe(1);
});

test('A recovery that WeChat refuses is answered with the error, is shown with it, and can be begun anew', async () => {
  await using world = new PlatformWorld();
  const server = await withLostAuthorizers(world);
  world.platform.failures.set('api_get_authorizer_list', rejected(48_001));
  const problem = { code: 'UPSTREAM_REJECTED', errcode: 48_001, detail: 'refused with 48001' };
  expect(await post(server)).toMatchObject({ status: 502, body: problem });
  expect(await show(server)).toMatchObject({ status: 200, body: { state: 'failed', ...problem } });
  world.platform.failures.clear();
  expect(await post(server)).toMatchObject({ status: 200, body: { state: 'done', restored: 3 } });
});

test('A platform without a ticket is told so', async () => {
  await using world = new PlatformWorld();
  const server = serving(world);
  await server.tokens.register({ appid: COMPONENT, secret: 'secret' });
  const answer = post(server);
  await world.clock.advance(25_000);
  expect(await answer).toMatchObject({ status: 424, body: { code: 'INPUT_MISSING' } });
});

test('A recovery of a server that was killed is interrupted after 30 s, and is begun by the next request', async () => {
  await using world = new PlatformWorld();
  const killed = await withLostAuthorizers(world);
  const list = holdList(world);
  void post(killed);
  await list.asked;
  // The killed server writes nothing any more.
  vi.spyOn(engineOf(killed.tokens).store, 'set').mockReturnValue(new Promise(() => {}));
  const server = serving(world);
  await world.clock.advance(20_000);
  expect(await show(server)).toMatchObject({ body: { state: 'running' } });
  await world.clock.advance(13_000);
  expect(await show(server)).toMatchObject({ body: { state: 'interrupted' } });
  world.platform.arriving = () => undefined;
  expect(await post(server)).toMatchObject({ status: 200, body: { state: 'done', restored: 3 } });
  vi.restoreAllMocks();
});

test('A request that joins the recovery of a killed server begins it anew once it is interrupted', async () => {
  await using world = new PlatformWorld();
  const killed = await withLostAuthorizers(world);
  const list = holdList(world);
  void post(killed);
  await list.asked;
  vi.spyOn(engineOf(killed.tokens).store, 'set').mockReturnValue(new Promise(() => {}));
  const server = serving(world);
  await world.clock.advance(10_000);
  const answer = post(server);
  await world.clock.advance(10_000);
  world.platform.arriving = () => undefined;
  await world.clock.advance(14_000);
  expect(await answer).toMatchObject({ status: 200, body: { state: 'done', restored: 3 } });
  vi.restoreAllMocks();
});

test('A recovery ends at its next page when another server has begun it anew', async () => {
  await using world = new PlatformWorld();
  const stuck = await withLostAuthorizers(world);
  for (let index = 0; index < 600; index++) world.platform.refreshTokens.set(`wxmore${index}`, 'CANARY');
  const list = holdList(world);
  const first = post(stuck);
  await list.asked;
  const { store } = engineOf(stuck.tokens);
  const [before] = await store.get([`recovery/${COMPONENT}/authorizers`]);
  await store.delete(`recovery/${COMPONENT}/authorizers`, before?.version ?? 0);
  await world.clock.advance(2_000);
  list.release();
  const server = serving(world);
  const second = post(server);
  await world.clock.advance(2_000);
  expect(await second).toMatchObject({ body: { state: 'done', total: 603 } });
  expect(await first).toMatchObject({ status: 503 });
  expect(world.platform.countOf('api_get_authorizer_list')).toBe(3);
});

test('A recovery under way is interrupted when its server is closed, and its caller is told to ask again', async () => {
  await using world = new PlatformWorld();
  const server = await withLostAuthorizers(world);
  const list = holdList(world);
  const answer = post(server);
  await list.asked;
  const closing = server.tokens.close();
  list.release();
  expect(await answer).toMatchObject({ status: 202, body: { state: 'running' } });
  await closing;
  expect(await show(serving(world))).toMatchObject({ body: { state: 'interrupted' } });
});

test('A server that does not refresh leaves recoveries to others, and shows them', async () => {
  await using world = new PlatformWorld();
  const server = await withLostAuthorizers(world);
  const follower = serving(world, { refresh: 'never' });
  expect(await post(follower)).toMatchObject({ status: 503, body: { code: 'REFRESH_DISABLED' } });
  await post(server);
  expect(await show(follower)).toMatchObject({ status: 200, body: { state: 'done' } });
});

test('Nothing is kept of the recoveries of a platform that is unregistered', async () => {
  await using world = new PlatformWorld();
  const server = await withLostAuthorizers(world);
  await post(server);
  await server.tokens.unregister(COMPONENT);
  expect(await show(server)).toMatchObject({ status: 404, body: { code: 'NOT_REGISTERED' } });
  expect(await world.store.get([`recovery/${COMPONENT}/authorizers`])).toEqual([undefined]);
  expect(await post(server)).toMatchObject({ status: 404, body: { code: 'NOT_REGISTERED' } });
});

test.each(['-1', '26', '100', '1.5', 'x'])('A recovery is not waited for with wait=%s', async (wait) => {
  await using world = new PlatformWorld();
  const server = await withLostAuthorizers(world);
  expect(await show(server, `?wait=${wait}`)).toMatchObject({ status: 400 });
});
