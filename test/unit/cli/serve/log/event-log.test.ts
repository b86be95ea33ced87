import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logEvents, logStore } from '../../../../../src/cli/serve/log/event-log.js';
import { Log } from '../../../../../src/cli/serve/log/log.js';
import { engineOf } from '../../../../../src/core/engine/engine-of.js';
import type { CallbackPort } from '../../../../../src/core/model/callback-port.js';
import { type Grant, type Refresher, TokenError } from '../../../../../src/index.js';
import { CapturedOutput } from '../../../../support/servers/command-line.js';
import { RotatingRefresher } from '../../../../support/worlds/rotating-refresher.js';
import { APPID, SECRET, World } from '../../../../support/worlds/world.js';

const TOKEN = 'CANARY-the-token';
const NO_CALLBACKS: CallbackPort = {
  assertUrl: () => {},
  askParams: async () => ({}),
  typeNumbers: 'standard',
  start: () => {},
  taskChanged: () => {},
  taskRemoved: () => {},
  deliver: async () => {},
  stop: async () => {},
};

let world: World;
let output: CapturedOutput;

beforeEach(() => {
  world = new World();
  output = new CapturedOutput();
});

afterEach(async () => {
  expect(output.text).not.toContain('CANARY');
  await world[Symbol.asyncDispose]();
});

const lines = (): Record<string, unknown>[] =>
  output.text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

function logged(refresh: () => Promise<Grant>): ReturnType<World['manager']> {
  const tokens = world.manager({ refreshers: [{ type: 'access_token', refresh }] });
  logEvents(tokens, new Log(output, world.clock));
  return tokens;
}

it('a refresh is logged without the token', async () => {
  const tokens = logged(async () => ({ value: TOKEN, expiresInSeconds: 7_200 }));
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  await tokens.get(APPID, 'access_token');
  expect(lines()).toEqual([
    {
      time: '2026-01-01T00:00:00.000Z',
      level: 'info',
      message: 'refreshed',
      appid: APPID,
      type: 'access_token',
      source: 'upstream',
      reason: expect.stringMatching(/^(due|demand)$/),
      expiresAt: '2026-01-01T02:00:00.000Z',
    },
  ]);
});

it.each([
  ['UPSTREAM_UNAVAILABLE', 'check that the URL of notify is right'],
  ['STORE_UNAVAILABLE', 'Check the disk, Redis or database of the store.'],
] as const)('a delivery that fails with %s is logged with what to check', (code, remedy) => {
  const tokens = logged(async () => ({ value: TOKEN, expiresInSeconds: 7_200 }));
  const key = { appid: APPID, type: 'access_token', subject: undefined };
  const error = new TokenError(code, 'shop.test answered with status 500', key);
  engineOf(tokens).events.emit('deliveryFailed', { ...key, version: 1, error, attempt: 1, retryAt: 1_000 });
  expect(lines()).toEqual([
    expect.objectContaining({ message: 'deliveryFailed', code, remedy: expect.stringContaining(remedy) }),
  ]);
});

describe('a delivery that is not retried before the next token', () => {
  const event = { appid: APPID, type: 'access_token', subject: undefined, version: 1, attempt: 298 };

  async function failedForGood(): Promise<ReturnType<World['manager']>> {
    const tokens = logged(async () => ({ value: TOKEN, expiresInSeconds: 7_200 }));
    engineOf(tokens).attach(NO_CALLBACKS);
    await tokens.register({
      appid: APPID,
      secret: SECRET,
      tasks: [{ type: 'access_token', notify: 'http://shop.test/' }],
    });
    await tokens.get(APPID, 'access_token');
    const error = new TokenError('UPSTREAM_UNAVAILABLE', 'shop.test answered with status 500', event);
    engineOf(tokens).events.emit('deliveryFailed', { ...event, error, retryAt: undefined });
    return tokens;
  }

  it('stays in the log until the target accepts a token', async () => {
    const tokens = await failedForGood();
    await world.clock.advance(3_600_000);
    engineOf(tokens).events.emit('delivered', event);
    const failed = lines().filter(({ message }) => message === 'deliveryFailed');
    expect(failed).toHaveLength(7);
    expect(lines().filter(({ message }) => message === 'failureEnded')).toEqual([]);
    expect(lines().at(-1)).toMatchObject({ message: 'recovered', of: 'deliveryFailed', seconds: 3_600 });
  });

  it('ends in the log within ten minutes after its task has lost the target', async () => {
    const tokens = await failedForGood();
    await world.clock.advance(3_000_000);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    await world.clock.advance(600_000);
    expect(lines().at(-1)).toMatchObject({ message: 'failureEnded', of: 'deliveryFailed', why: 'gone' });
  });
});

it('a refresh by another process is logged by that process alone', async () => {
  const tokens = logged(async () => ({ value: TOKEN, expiresInSeconds: 7_200 }));
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  await tokens.get(APPID, 'access_token');
  const other = logged(async () => ({ value: TOKEN, expiresInSeconds: 7_200 }));
  expect(await other.get(APPID, 'access_token')).toBe(TOKEN);
  expect(lines()).toHaveLength(1);
});

it('failures stay in one group while the clock of the store is an hour behind that of the server', async () => {
  const now = world.store.now.bind(world.store);
  world.store.now = async () => (await now()) - 3_600_000;
  const tokens = logged(async () => {
    throw new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
  });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  await expect(tokens.get(APPID, 'access_token')).rejects.toThrow();
  await world.clock.advance(1_500_000);
  expect(lines().map(({ message }) => message)).toEqual(['refreshFailed', 'refreshFailed', 'refreshFailed']);
});

it('a failed refresh is logged with its reason and the time of the next attempt', async () => {
  const tokens = logged(async () => {
    throw new TokenError('UPSTREAM_REJECTED', 'WeChat rejected the request', {
      errcode: 40164,
      ip: '192.0.2.7',
      rid: 'abc-1',
      cause: new Error('not in the whitelist'),
    });
  });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  await expect(tokens.get(APPID, 'access_token')).rejects.toThrow();
  expect(lines()[0]).toMatchObject({
    level: 'warn',
    message: 'refreshFailed',
    appid: APPID,
    code: 'UPSTREAM_REJECTED',
    error: 'WeChat rejected the request',
    cause: 'not in the whitelist',
    errcode: 40164,
    ip: '192.0.2.7',
    rid: 'abc-1',
    attempt: 1,
    retryAt: expect.stringMatching(/^2026-01-01T00:/),
  });
});

it('a required reauthorization is logged as an error', async () => {
  const tokens = logged(async () => {
    throw new TokenError('REAUTHORIZATION_REQUIRED', 'the refresh token is dead', { errcode: 42002 });
  });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  await expect(tokens.get(APPID, 'access_token')).rejects.toThrow();
  expect(lines()).toContainEqual(
    expect.objectContaining({ level: 'error', message: 'reauthorizationRequired', errcode: 42002 }),
  );
});

describe('a failure that is not retried for a day', () => {
  const USER = { subject: 'openid-1' };

  async function withdrawn(): Promise<ReturnType<World['manager']>> {
    const tokens = world.manager({ refreshers: [new RotatingRefresher() as Refresher as Refresher<never>] });
    logEvents(tokens, new Log(output, world.clock));
    const params = { refresh_token: 'CANARY-that-was-withdrawn' };
    await tokens.register({
      appid: APPID,
      secret: SECRET,
      tasks: [{ type: 'user_token' as never, ...USER, params }],
    });
    await world.clock.advance(3_600_000);
    expect(lines().at(-1)).toMatchObject({ message: 'reauthorizationRequired' });
    return tokens;
  }

  const ended = (): unknown[] =>
    lines()
      .filter(({ message, why }) => message === 'failureEnded' && why === 'gone')
      .map(({ of }) => of);

  it('ends in the log within ten minutes after its task was unregistered', async () => {
    const tokens = await withdrawn();
    await tokens.unregister(APPID, 'user_token' as never, USER);
    await world.clock.advance(600_000);
    expect(ended()).toEqual(['refreshFailed', 'reauthorizationRequired']);
  });

  it('ends in the log within ten minutes after its app was unregistered', async () => {
    const tokens = await withdrawn();
    await tokens.unregister(APPID);
    await world.clock.advance(600_000);
    expect(ended()).toEqual(['refreshFailed', 'reauthorizationRequired']);
  });

  it('stays in the log while its task is registered', async () => {
    await withdrawn();
    await world.clock.advance(12 * 3_600_000);
    expect(ended()).toEqual([]);
  });
});

it('tasks that fail for the same reason are logged once, with the remedy, and so is their recovery', async () => {
  let isBroken = true;
  const tokens = logged(async () => {
    if (isBroken) throw new TokenError('UPSTREAM_REJECTED', 'invalid appsecret', { errcode: 40125 });
    return { value: TOKEN, expiresInSeconds: 7_200 };
  });
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token', 'jsapi_ticket', 'wx_card_ticket'] });
  await world.clock.advance(9 * 60_000);
  expect(lines()).toMatchObject([
    { message: 'refreshFailed', errcode: 40125, root: `${APPID}/access_token`, tasks: 1, remedy: expect.any(String) },
  ]);
  await world.clock.advance(60_000);
  expect(lines().at(-1)).toMatchObject({ message: 'refreshFailed', tasks: 3, since: expect.stringMatching(/^2026/) });
  isBroken = false;
  await tokens.put(APPID, 'jsapi_ticket', { value: TOKEN, expiresInSeconds: 7_200 });
  await tokens.put(APPID, 'wx_card_ticket', { value: TOKEN, expiresInSeconds: 7_200 });
  await world.clock.advance(11 * 60_000);
  expect(lines().filter(({ message }) => message === 'recovered')).toMatchObject([
    { of: 'refreshFailed', errcode: 40125, root: `${APPID}/access_token`, tasks: 3 },
  ]);
});

it('a failure of the network is logged once for all apps, without a shared cause', async () => {
  const tokens = logged(async () => {
    throw new TokenError('UPSTREAM_UNAVAILABLE', 'connect ECONNREFUSED', { retryable: true });
  });
  for (const appid of ['wx-a', 'wx-b', 'wx-c']) {
    await tokens.register({ appid, secret: SECRET, tasks: ['access_token'] });
  }
  await world.clock.advance(60_000);
  expect(lines()).toHaveLength(1);
  expect(lines()[0]).not.toHaveProperty('root');
});

it('the store is logged as available only after it was logged as unavailable', () => {
  const tokens = world.manager();
  const log = new Log(output, world.clock);
  logStore(tokens, log, world.clock)();
  const { events } = engineOf(tokens);
  events.emit('storeAvailable', {});
  expect(output.text).toBe('');
  events.emit('storeUnavailable', { error: new TokenError('STORE_UNAVAILABLE', 'away') });
  events.emit('storeAvailable', {});
  events.emit('storeAvailable', {});
  expect(lines().map(({ message }) => message)).toEqual(['storeUnavailable', 'storeAvailable']);
});

it('a failure of the store during the start is logged only if it lasts and the server starts', () => {
  const tokens = world.manager();
  const begin = logStore(tokens, new Log(output, world.clock), world.clock);
  const { events } = engineOf(tokens);
  events.emit('storeUnavailable', { error: new TokenError('STORE_UNAVAILABLE', 'once') });
  events.emit('storeAvailable', {});
  events.emit('storeUnavailable', { error: new TokenError('STORE_UNAVAILABLE', 'still') });
  expect(output.text).toBe('');
  begin();
  events.emit('storeAvailable', {});
  expect(lines().map(({ message, error }) => error ?? message)).toEqual(['still', 'storeAvailable']);
});

it('a store that fails and recovers all the time is logged apart from keys, in 60 lines a minute', async () => {
  const tokens = world.manager();
  const log = new Log(output, world.clock);
  logEvents(tokens, log);
  logStore(tokens, log, world.clock)();
  const { events } = engineOf(tokens);
  const count = (name: string): number => lines().filter(({ message }) => message === name).length;
  const error = new TokenError('UPSTREAM_REJECTED', 'no');
  for (let index = 0; index < 100; index++) {
    events.emit('reauthorizationRequired', { appid: `wx-${index}`, type: 'oauth2_access_token', subject: 'u1', error });
  }
  for (let index = 0; index < 100; index++) {
    events.emit('storeUnavailable', { error: new TokenError('STORE_UNAVAILABLE', 'away') });
    events.emit('storeAvailable', {});
  }
  expect([count('storeUnavailable'), count('storeAvailable')]).toEqual([30, 30]);
  await world.clock.advance(60_000);
  expect(lines().filter(({ message }) => message === 'suppressed')).toContainEqual(
    expect.objectContaining({ storeUnavailable: 70, storeAvailable: 70 }),
  );
});

const PLATFORM = 'wxcomponent000000';
const HALF_AN_HOUR = 30 * 60_000;

async function putTicket(tokens: ReturnType<World['manager']>, value: string): Promise<void> {
  await tokens.put(PLATFORM, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
}

async function silentPlatform(): Promise<ReturnType<World['manager']>> {
  const tokens = logged(async () => ({ value: TOKEN, expiresInSeconds: 7_200 }));
  const push = { token: 'CANARY-push', encodingAesKey: 'CANARYkey'.padEnd(43, 'k') };
  await tokens.register({ appid: PLATFORM, secret: SECRET, push });
  await putTicket(tokens, 'CANARY-ticket-1');
  await world.clock.advance(HALF_AN_HOUR);
  return tokens;
}

const ofTickets = (): Record<string, unknown>[] => lines().filter(({ message }) => message !== 'refreshed');

it('a platform without a new ticket is logged in words, with the remedy, and again every ten minutes', async () => {
  await silentPlatform();
  const root = `${PLATFORM}/component_verify_ticket`;
  expect(ofTickets()).toEqual([
    {
      time: '2026-01-01T00:30:00.000Z',
      level: 'warn',
      message: 'verifyTicketMissing',
      appid: PLATFORM,
      error: expect.stringContaining('no new component_verify_ticket has come for 30 minutes'),
      since: '2026-01-01T00:00:00.000Z',
      remedy: expect.stringContaining("send WeChat's api_start_push_ticket the appid and secret of this platform"),
      root,
      tasks: 1,
      keys: [root],
    },
  ]);
  await world.clock.advance(2 * HALF_AN_HOUR);
  expect(ofTickets()).toHaveLength(7);
});

it('the next ticket of a silent platform is logged as its recovery, and ends the repetitions', async () => {
  const tokens = await silentPlatform();
  await putTicket(tokens, 'CANARY-ticket-2');
  await world.clock.advance(HALF_AN_HOUR / 2);
  expect(ofTickets().map(({ message, of }) => [message, of])).toEqual([
    ['verifyTicketMissing', undefined],
    ['recovered', 'verifyTicketMissing'],
  ]);
});

it('the log of a silent platform ends when that is unregistered', async () => {
  const tokens = await silentPlatform();
  await tokens.unregister(PLATFORM);
  await world.clock.advance(HALF_AN_HOUR);
  expect(ofTickets().map(({ message, why }) => [message, why])).toEqual([
    ['verifyTicketMissing', undefined],
    ['failureEnded', 'gone'],
  ]);
});
