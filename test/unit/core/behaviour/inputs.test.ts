import { expect, test } from 'vitest';
import { defineRefresher, type JsonObject, TokenError, type TokenKey } from '../../../../src/index.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

/** A ticket that is made of the access token it was asked with. */
function ticket(asked: string[] = [], reject: (token: string) => boolean = () => false) {
  return defineRefresher({
    type: 'ticket',
    dependsOn: ({ appid }) => [{ appid, type: TYPE }],
    async refresh({ key, token }) {
      const value = await token({ appid: key.appid, type: TYPE });
      asked.push(value);
      if (reject(value)) throw new TokenError('UPSTREAM_REJECTED', 'stale', { errcode: 40001, retryable: true });
      return { value: `ticket-of-${value}`, expiresInSeconds: 7_200 };
    },
  });
}

test('a ticket and its access token can be registered in any order, and share the access token', async () => {
  await using world = new World();
  const tokens = world.manager({ refreshers: [world.wechat, ticket()] });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['ticket', TYPE] });
  expect(await tokens.get(APPID, 'ticket')).toBe('ticket-of-token-1');
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  expect(world.wechat.calls).toBe(1);
});

test('a dependency without a task comes from the params first, and on demand only without them', async () => {
  await using world = new World();
  const tokens = world.manager({ refreshers: [world.wechat, ticket()] });
  await tokens.register({
    appid: APPID,
    secret: SECRET,
    tasks: [{ type: 'ticket', params: { access_token: 'given' } }],
  });
  expect(await tokens.get(APPID, 'ticket')).toBe('ticket-of-given');
  expect(world.wechat.calls).toBe(0);
  await tokens.register({ appid: 'other', secret: SECRET, tasks: ['ticket'] });
  expect(await tokens.get('other', 'ticket')).toBe('ticket-of-token-1');
});

test('a dependency found stale is replaced once, by value, and the attempt starts again once', async () => {
  await using world = new World();
  const asked: string[] = [];
  const tokens = world.manager({ refreshers: [world.wechat, ticket(asked, (token) => token === 'token-1')] });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, 'ticket'] });
  expect(await tokens.get(APPID, 'ticket')).toBe('ticket-of-token-2');
  expect(asked).toEqual(['token-1', 'token-2']);
  expect(world.wechat.asked.map(({ reason }) => reason)).toEqual(['demand', 'stale']);
});

test('a dependency that was replaced while the refresh waited for its lease is not sent', async () => {
  await using world = new World();
  const asked: string[] = [];
  const tokens = world.manager({ refreshers: [world.wechat, ticket(asked)] });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  await tokens.get(APPID, TYPE);
  const lease = await world.store.lease(`key/${APPID}/ticket`, 20_000);
  const waiting = tokens.get(APPID, 'ticket');
  await world.clock.advance(1_000);
  await tokens.refresh(APPID, TYPE, { force: true });
  await lease?.release();
  await world.clock.advance(1_000);
  expect(await waiting).toBe('ticket-of-token-2');
  expect(asked).toEqual(['token-2']);
});

test('a dependency that is stale twice ends the attempt under the back-off', async () => {
  await using world = new World();
  const asked: string[] = [];
  const tokens = world.manager({ refreshers: [world.wechat, ticket(asked, () => true)] });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
  const failed = tokens.get(APPID, 'ticket').catch((error: unknown) => error);
  await world.clock.advance(199);
  expect(asked).toEqual(['token-1', 'token-2']);
  await world.clock.advance(1);
  expect(await failed).toMatchObject({ errcode: 40001 });
  await world.clock.advance(3_600_000);
  expect(world.wechat.calls).toBeLessThanOrEqual(21);
});

test('a missing secret fails the refresher with INPUT_MISSING, without a call to WeChat', async () => {
  await using world = new World();
  const tokens = world.manager({ refreshers: [] });
  await tokens.register({ appid: APPID });
  await expect(tokens.get(APPID, 'access_token')).rejects.toMatchObject({ code: 'INPUT_MISSING', appid: APPID });
});

test('get for an app that is not registered fails with NOT_REGISTERED', async () => {
  await using world = new World();
  const tokens = world.manager();
  for (const appid of ['unknown', '__proto__', 'constructor', 'toString', '..']) {
    await expect(tokens.get(appid, TYPE)).rejects.toMatchObject({ code: 'NOT_REGISTERED', appid });
  }
  expect(world.wechat.calls).toBe(0);
});

test('a circle of dependencies is a TypeError at the call', async () => {
  await using world = new World();
  const round = (type: string, to: string) =>
    defineRefresher({
      type,
      dependsOn: ({ appid }: TokenKey) => [{ appid, type: to }],
      refresh: async () => ({ value: 'x', expiresInSeconds: 1 }),
    });
  const tokens = world.manager({ refreshers: [round('a', 'b'), round('b', 'a')] });
  await expect(tokens.register({ appid: APPID, tasks: ['a'] as never })).rejects.toThrow(/circle/);
  await tokens.register({ appid: APPID });
  await expect(tokens.get(APPID, 'a' as never)).rejects.toThrow(TypeError);
});

test('params given as an object reach the refresher and survive a restart', async () => {
  await using world = new World();
  const first = world.manager();
  await first.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: { region: 'sh' } }] });
  await first.get(APPID, TYPE);
  await first.close();
  const second = world.manager();
  await second.refresh(APPID, TYPE, { force: true });
  expect(world.wechat.asked.map(({ params }) => params)).toEqual([{ region: 'sh' }, { region: 'sh' }]);
});

test('params given as a function are asked before each refresh, and only by a process that has it', async () => {
  await using world = new World();
  const first = world.manager();
  let serial = 0;
  await first.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: () => ({ serial: ++serial }) }] });
  await first.get(APPID, TYPE);
  const second = world.manager();
  await second.start();
  expect(await second.get(APPID, TYPE)).toBe('token-1');
  await world.clock.advance(7_200_000);
  expect(world.wechat.asked.map(({ params }) => params)).toEqual([{ serial: 1 }, { serial: 2 }]);
  expect(second.peek(APPID, TYPE)?.value).toBe('token-2');
  for await (const task of second.status()) expect(task.functionMissing).toBe(true);
  for await (const task of first.status()) expect(task.functionMissing).toBe(false);
});

test.each<[string, () => JsonObject | Promise<JsonObject>]>([
  [
    'throws',
    () => {
      throw new Error('CANARY');
    },
  ],
  ['rejects', () => Promise.reject(new Error('CANARY'))],
  ['returns nothing', () => undefined as never],
  ['never settles', () => new Promise(() => {})],
  ['returns a Map', () => new Map([['refresh_token', 'CANARY']]) as never],
  ['returns a promise in a promise', async () => [Promise.resolve('CANARY')] as never],
  ['returns a refresh token with a line feed', () => ({ refresh_token: 'CANARY\n' })],
  ['returns a verify ticket in quotation marks', () => ({ component_verify_ticket: '"CANARY"' })],
])('a params function that %s affects its own key only, and is retried', async (_name, params) => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params }] });
  await tokens.register({ appid: 'other', secret: SECRET, tasks: [TYPE] });
  const refused = tokens.get(APPID, TYPE).catch((error: unknown) => error);
  await world.clock.advance(5_000);
  const error = (await refused) as Error;
  expect(error).toMatchObject({ code: 'INPUT_MISSING', appid: APPID });
  expect(error.stack + JSON.stringify(error)).not.toContain('CANARY');
  expect(await tokens.get('other', TYPE)).toBe('token-1');
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: () => ({}) }] });
  expect(await tokens.get(APPID, TYPE)).toBe('token-2');
});

test('keys with a subject are kept apart, as tasks and on demand', async () => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, { type: TYPE, subject: 'openid-1' }] });
  const own = await tokens.get(APPID, TYPE);
  const one = await tokens.get(APPID, TYPE, { subject: 'openid-1' });
  const two = await tokens.get(APPID, TYPE, { subject: 'a/b%2F' });
  expect(new Set([own, one, two]).size).toBe(3);
  expect(tokens.hasTask(APPID, TYPE, { subject: 'openid-1' })).toBe(true);
  expect(tokens.hasTask(APPID, TYPE, { subject: 'a/b%2F' })).toBe(false);
  expect(tokens.peek(APPID, TYPE, { subject: 'a/b%2F' })?.value).toBe(two);
  await tokens.unregister(APPID, TYPE, { subject: 'openid-1' });
  expect(tokens.hasTask(APPID, TYPE, { subject: 'openid-1' })).toBe(false);
  expect(await tokens.get(APPID, TYPE)).toBe(own);
});

test.each<[string, (params: JsonObject) => JsonObject, RegExp]>([
  ['a Map', () => new Map() as never, /^the params function must return an object, got an instance of a class without/],
  [
    'a refresh token with a line feed',
    () => ({ refresh_token: 'CANARY\n' }),
    /^the answer of the params function\.refresh_token must not end with white space \(U\+000A\)$/,
  ],
])('an error says what is wrong with %s in params', async (_name, params, message) => {
  await using world = new World();
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: () => params({}) }] });
  await expect(tokens.get(APPID, TYPE)).rejects.toThrow(message);
  expect(world.wechat.calls).toBe(0);
});

test('endless dependencies of a restored task are INPUT_MISSING, and other keys still work', async () => {
  await using world = new World();
  const typed = (dependsOn: (key: TokenKey) => readonly TokenKey[]) =>
    defineRefresher({ type: 'a', dependsOn, refresh: async () => ({ value: 'x', expiresInSeconds: 60 }) });
  const first = world.manager({ refreshers: [world.wechat, typed(() => [])] as never });
  await first.register({ appid: APPID, secret: SECRET, tasks: [TYPE, 'a' as never] });
  await first.close();
  let serial = 0;
  const endless = typed(({ appid }) => [{ appid, type: 'a', subject: `s${serial++}` }]);
  const second = world.manager({ refreshers: [world.wechat, endless] as never });
  const reasons: string[] = [];
  second.on('refreshFailed', ({ error }) => void reasons.push(`${error.code} ${error.message}`));
  await second.start();
  await world.clock.advance(60_000);
  expect(serial).toBeLessThan(1_000);
  expect(reasons.length).toBeGreaterThan(0);
  expect(reasons[0]).toMatch(
    /^INPUT_MISSING a lacks what it depends on: dependsOn of a leads through more than 16 keys/,
  );
  await expect(second.get(APPID, 'a' as never)).rejects.toThrow('dependsOn of a leads through more than 16 keys');
  expect(await second.get(APPID, TYPE)).toBe('token-1');
});
