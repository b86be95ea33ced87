import { expect, test } from 'vitest';
import {
  type BuiltInTokenType,
  defineRefresher,
  type Refresher,
  type TaskRegistration,
  type TaskStatus,
  TokenError,
  type TokenManager,
} from '../../../../src/index.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const REFUSAL = new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
const DEAD = new TokenError('REAUTHORIZATION_REQUIRED', 'invalid refresh_token', { errcode: 40030 });
const REFRESH_TOKEN = { params: { refresh_token: 'CANARY-refresh' } };
const AUTHORIZER = { params: { authorizer_refresh_token: 'CANARY-refresh' } };

/** The types that spend what they are refreshed with, and no WeChat behind them. */
const USER = defineRefresher({
  type: 'oauth2_access_token',
  spends: 'refresh_token',
  async refresh({ params, spend }) {
    await spend(params['refresh_token'] as string | undefined);
    throw DEAD;
  },
} as Refresher<'oauth2_access_token'>);

function process(world: World, options: object = {}): TokenManager {
  return world.manager({ refreshers: [world.wechat, USER as Refresher<never>], ...options });
}

async function only(tokens: TokenManager, type: string): Promise<TaskStatus> {
  for await (const task of tokens.status()) if (task.type === type) return task;
  throw new Error(`there is no task of ${type}`);
}

type Row = [
  waitingFor: TaskStatus['waitingFor'],
  reason: RegExp,
  type: string,
  tasks: (BuiltInTokenType | TaskRegistration<BuiltInTokenType>)[],
];

const ROWS: Row[] = [
  ['push', /no unexpired component_verify_ticket/, 'component_access_token', ['component_access_token']],
  [
    'dependency',
    /component_access_token of wx\w+ has no usable token: no unexpired component_verify_ticket/,
    'authorizer_access_token',
    [{ type: 'authorizer_access_token', subject: 'merchant', ...AUTHORIZER }],
  ],
  [
    'dependency',
    /access_token of wx\w+ has no usable token: invalid appsecret/,
    'jsapi_ticket',
    [TYPE, 'jsapi_ticket'],
  ],
  [
    'refresh_token',
    /no refresh_token has been/,
    'oauth2_access_token',
    [{ type: 'oauth2_access_token', subject: 'o1' }],
  ],
  [
    'refresh_token',
    /rejected the stored or registered refresh_token/,
    'oauth2_access_token',
    [{ type: 'oauth2_access_token', subject: 'o1', ...REFRESH_TOKEN }],
  ],
];

test.each(ROWS)('a task waits for %s, as each process says: %s', async (waitingFor, reason, type, tasks) => {
  await using world = new World();
  world.wechat.always = REFUSAL;
  const first = process(world);
  await first.register({ appid: APPID, secret: SECRET, tasks });
  await world.clock.advance(5_000);
  const expected = { state: 'waiting', waitingFor, reason: expect.stringMatching(reason), expiresAt: undefined };
  expect(await only(first, type)).toMatchObject(expected);
  await first.close();
  // Neither has tried.
  expect(await only(process(world), type)).toMatchObject(expected);
  expect(await only(process(world, { refresh: 'never' }), type)).toMatchObject(expected);
});

test('a waiting task is shown with a remedy, and without a secret', async () => {
  await using world = new World();
  world.wechat.always = REFUSAL;
  const tokens = process(world);
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ROWS.flatMap(([, , , tasks]) => tasks) });
  await world.clock.advance(5_000);
  for await (const task of tokens.status()) {
    expect(JSON.stringify(task)).not.toContain('CANARY');
    if (task.state === 'waiting') expect(task.remedy).toMatch(/^[A-Z].*\.$/);
  }
});

test('a task whose own attempts have failed waits for a dependency that has expired since, where only this process has failed', async () => {
  await using world = new World();
  const tokens = process(world);
  for (let count = 0; count < 2; count++) world.wechat.next({ expiresInSeconds: 60 });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, 'jsapi_ticket'] });
  await world.clock.advance(5_000);
  world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'no route', { hostOnly: true, retryable: true });
  await world.clock.advance(100_000);
  expect(await only(tokens, TYPE)).toMatchObject({ state: 'expired', lastError: { message: 'no route' } });
  expect(await only(tokens, 'jsapi_ticket')).toMatchObject({
    state: 'waiting',
    waitingFor: 'dependency',
    reason: expect.stringMatching(/access_token of wx\w+ has no usable token: no route/),
    lastError: { code: 'UPSTREAM_UNAVAILABLE' },
  });
});

test('a key that has failed is not waiting: it is retried', async () => {
  await using world = new World();
  world.wechat.always = REFUSAL;
  const tokens = process(world);
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await world.clock.advance(5_000);
  expect(await only(tokens, TYPE)).toMatchObject({
    state: 'missing',
    waitingFor: undefined,
    reason: undefined,
    remedy: undefined,
    lastError: { errcode: 40125 },
  });
});

test('a token that is valid keeps its own state until its end, whatever its next refresh will lack', async () => {
  await using world = new World();
  world.wechat.next({ expiresInSeconds: 100 });
  const tokens = process(world);
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, 'oauth2_access_token'] });
  await tokens.put(APPID, 'oauth2_access_token', { value: 'user', expiresInSeconds: 100 });
  const { expiresAt } = await only(tokens, 'oauth2_access_token');
  const leftMs = Number(expiresAt) - world.clock.now();
  await world.clock.advance(leftMs - 1);
  expect(await only(tokens, 'oauth2_access_token')).toMatchObject({ state: 'due', waitingFor: undefined });
  await world.clock.advance(1);
  expect(await only(tokens, 'oauth2_access_token')).toMatchObject({ state: 'waiting', waitingFor: 'refresh_token' });
});

test('a task whose ticket WeChat has refused waits for another push', async () => {
  await using world = new World();
  const platform = defineRefresher({
    type: 'component_access_token',
    dependsOn: ({ appid }) => [{ appid, type: 'component_verify_ticket' }],
    async refresh({ key, token, spend }) {
      await spend(await token({ appid: key.appid, type: 'component_verify_ticket' }));
      throw new TokenError('INPUT_MISSING', 'component ticket is expired', { errcode: 61006 });
    },
  });
  const tokens = world.manager({ refreshers: [platform as Refresher<never>] });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['component_access_token'] });
  await tokens.put(APPID, 'component_verify_ticket', { value: 'CANARY-ticket', expiresInSeconds: 43_200 });
  await world.clock.advance(5_000);
  const expected = { state: 'waiting', waitingFor: 'push', reason: expect.stringMatching(/rejected/) };
  expect(await only(tokens, 'component_access_token')).toMatchObject({ ...expected, lastError: { errcode: 61006 } });
  expect(await only(process(world, { refresh: 'never' }), 'component_access_token')).toMatchObject(expected);
});

test('a task waits for a process that has its function or its refresher, and for its params where one has been asked', async () => {
  await using world = new World();
  const mine = { type: 'mine', refresh: async () => ({ value: 'x', expiresInSeconds: 60 }) };
  const withMine = { refreshers: [mine as unknown as Refresher<never>] };
  const first = world.manager(withMine);
  const params = (): never => {
    throw new Error('CANARY-of-a-function');
  };
  await first.register({ appid: APPID, secret: SECRET, tasks: [{ type: 'mine' as never, params }] });
  await world.clock.advance(5_000);
  expect(await only(first, 'mine')).toMatchObject({
    state: 'waiting',
    waitingFor: 'params',
    reason: 'the params function failed',
  });
  const [other, bare, follower] = [world.manager(withMine), world.manager(), world.manager({ refresh: 'never' })];
  expect(await only(other, 'mine')).toMatchObject({ waitingFor: 'process', reason: expect.stringMatching(/function/) });
  expect(await only(bare, 'mine')).toMatchObject({ waitingFor: 'process', reason: expect.stringMatching(/refresher/) });
  expect(await only(follower, 'mine')).toMatchObject({
    waitingFor: 'process',
    reason: expect.stringMatching(/never/),
  });
});

test('a task waits for a store that takes writes, and for a process that holds its app', async () => {
  const faulty: { store?: FaultyStore } = {};
  await using world = new World({ store: (store) => (faulty.store = new FaultyStore(store)) });
  world.wechat.always = REFUSAL;
  const tokens = process(world);
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await world.clock.advance(5_000);
  const store = faulty.store as FaultyStore;
  store.before = (method) => {
    if (method === 'set' || method === 'lease' || method === 'claimDue') throw new Error('ENOSPC');
  };
  await expect(tokens.register({ appid: 'other', secret: SECRET })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
  expect(await only(tokens, TYPE)).toMatchObject({ state: 'waiting', waitingFor: 'store' });
  store.before = () => {};
  await store.delete(`app/${APPID}`, (await store.get([`app/${APPID}`]))[0]?.version as number);
  const other = process(world);
  expect(await only(other, TYPE)).toMatchObject({
    waitingFor: 'process',
    reason: expect.stringMatching(/registration/),
  });
});
