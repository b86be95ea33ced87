import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCallbacks } from '../../../src/http/index.js';
import { type BuiltInTokenType, MemoryStore, TokenManager, type TokenManagerEvents } from '../../../src/index.js';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';
import { shared } from '../../support/stores/shared-store.js';
import { APPID, SECRET } from '../../support/worlds/world.js';

const USER = 'openid-1';
const MERCHANT = 'wx00000000000merch';

let wechat: FakeWeChat;
let clock: FakeClock;
let store: MemoryStore;
let source: Server;
let origin: string;
const open: TokenManager[] = [];
/** The queries with which the business server was asked. */
let asked: string[];
let answer: (response: ServerResponse, request: IncomingMessage) => void;

beforeEach(async () => {
  clock = new FakeClock();
  store = new MemoryStore({ clock });
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } }, clock, refreshTokens: 'single-use' });
  asked = [];
  source = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(response, request);
  });
  await new Promise<void>((resolve) => source.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(source.address() as AddressInfo).port}`;
});

afterEach(async () => {
  const closed = Promise.all(open.splice(0).map((tokens) => tokens.close()));
  await clock.advance(20_000);
  await closed;
  await wechat.close();
  source.closeAllConnections();
  await new Promise((resolve) => source.close(resolve));
});

function manager({ callbacks = true } = {}): TokenManager {
  const tokens = new TokenManager({ store: shared(store), clock, wechat: { origins: [wechat.origin] } });
  if (callbacks) createCallbacks(tokens);
  open.push(tokens);
  return tokens;
}

function answers(params: unknown): void {
  answer = (response) => response.end(JSON.stringify(params));
}

const params = (): string => `${origin}/params?shop=7`;

/** The clock moves to when the token is due, and stands still while it is refreshed. */
async function untilRefreshed(tokens: TokenManager, type: BuiltInTokenType, subject?: string): Promise<string> {
  const options = subject === undefined ? {} : { subject };
  const { dueAt } = await tokens.getRecord(APPID, type, options);
  await clock.advance(dueAt - clock.now());
  // Not every refresh brings another value, which an event would tell of.
  while ((await tokens.getRecord(APPID, type, options)).dueAt === dueAt) await setImmediate();
  return tokens.get(APPID, type, options);
}

describe('params URLs', () => {
  it('the params URL is asked for the first refresh token, and not while the stored one works', async () => {
    answers({ refresh_token: wechat.authorizeUser(APPID, USER).refresh_token });
    const tokens = manager();
    const task = { type: 'oauth2_access_token', subject: USER, params: params() } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
    expect(wechat.isValid(await tokens.get(APPID, 'oauth2_access_token', { subject: USER }))).toBe(true);
    expect(wechat.isValid(await untilRefreshed(tokens, 'oauth2_access_token', USER))).toBe(true);
    expect(asked).toEqual([`/params?shop=7&appid=${APPID}&type=2&subject=${USER}`]);
  });

  it('the params URL is asked again at once when WeChat refuses the stored refresh token', async () => {
    answers({ refresh_token: wechat.authorizeUser(APPID, USER).refresh_token });
    const tokens = manager();
    const task = { type: 'oauth2_access_token', subject: USER, params: params() } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
    await tokens.get(APPID, 'oauth2_access_token', { subject: USER });
    wechat.withdrawAuthorization(APPID, USER);
    answers({ refresh_token: wechat.authorizeUser(APPID, USER).refresh_token });
    expect(wechat.isValid(await untilRefreshed(tokens, 'oauth2_access_token', USER))).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it('the params URL gives the access token of a ticket only when the app has no task for one', async () => {
    const given = await manager()
      .register({ appid: APPID, secret: SECRET })
      .then(() => open[0]?.get(APPID, 'access_token'));
    answers({ access_token: given });
    const tokens = manager();
    await tokens.register({ appid: APPID, tasks: [{ type: 'jsapi_ticket', params: params() }] });
    expect(wechat.isValid(await tokens.get(APPID, 'jsapi_ticket'))).toBe(true);
    expect(asked).toEqual([`/params?shop=7&appid=${APPID}&type=1`]);
    await tokens.register({ appid: APPID, tasks: ['access_token'] });
    await tokens.get(APPID, 'access_token');
    await untilRefreshed(tokens, 'jsapi_ticket');
    expect(asked).toHaveLength(1);
  });

  it('the params URL is asked before each platform token refresh, unless WeChat pushes the ticket', async () => {
    answers({ component_verify_ticket: wechat.pushVerifyTicket(APPID) });
    const tokens = manager();
    await tokens.register({
      appid: APPID,
      secret: SECRET,
      tasks: [{ type: 'component_access_token', params: params() }],
    });
    await tokens.get(APPID, 'component_access_token');
    await untilRefreshed(tokens, 'component_access_token');
    expect(asked).toHaveLength(2);
    const value = wechat.pushVerifyTicket(APPID);
    await tokens.put(APPID, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
    await untilRefreshed(tokens, 'component_access_token');
    expect(asked).toHaveLength(2);
  });

  it('the params URL names the merchant of a task without a subject', async () => {
    const tokens = manager();
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['component_access_token'] });
    const value = wechat.pushVerifyTicket(APPID);
    await tokens.put(APPID, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
    const authorizer_refresh_token = wechat.authorizeMerchant(APPID, MERCHANT);
    answers({ authorizer_appid: MERCHANT, authorizer_refresh_token });
    await tokens.register({ appid: APPID, tasks: [{ type: 'authorizer_access_token', params: params() }] });
    expect(wechat.isValid(await tokens.get(APPID, 'authorizer_access_token'))).toBe(true);
    answers({ authorizer_refresh_token });
    await tokens.register({ appid: APPID, tasks: [{ type: 'authorizer_access_token', params: `${params()}&again` }] });
    const forced = tokens.refresh(APPID, 'authorizer_access_token', { force: true });
    await expect(forced).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  });

  it('a byte order mark before the JSON of a params URL is accepted', async () => {
    const { refresh_token } = wechat.authorizeUser(APPID, USER);
    answer = (response) => response.end(`\uFEFF${JSON.stringify({ refresh_token })}`);
    const tokens = manager();
    const task = { type: 'oauth2_access_token', subject: USER, params: params() } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
    expect(wechat.isValid(await tokens.get(APPID, 'oauth2_access_token', { subject: USER }))).toBe(true);
  });

  it.each([
    ['an error', 'answered with status 500', (response: ServerResponse) => response.writeHead(500).end('{}')],
    [
      'a redirect',
      'answered with status 302',
      (response: ServerResponse) => response.writeHead(302, { location: '/' }).end(),
    ],
    ['GBK', 'not encoded in UTF-8', (response: ServerResponse) => response.end(Buffer.of(0x7b, 0xc3, 0xdc, 0x7d))],
    ['what is not JSON', 'not JSON', (response: ServerResponse) => response.end('<html>')],
    ['an array', 'not an object', (response: ServerResponse) => response.end('[1]')],
    ['too much', 'more than 65536 bytes', (response: ServerResponse) => response.end('x'.repeat(65_537))],
    ['nothing', 'failed', (response: ServerResponse) => response.destroy()],
  ])(
    'a params URL that answers with %s is INPUT_MISSING, and the error shows only its host',
    async (_name, message, answered) => {
      answer = answered;
      const tokens = manager();
      const task = { type: 'oauth2_access_token', subject: USER, params: `${params()}&key=CANARY` } as const;
      await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
      const failure: Error = await tokens.get(APPID, 'oauth2_access_token', { subject: USER }).catch((error) => error);
      expect(failure).toMatchObject({ code: 'INPUT_MISSING', appid: APPID, subject: USER });
      expect(failure.message).toContain(message);
      expect(failure.message).toContain('127.0.0.1');
      expect(failure.message).not.toContain('CANARY');
      expect(wechat.calls).toHaveLength(0);
    },
  );

  it('a process without callbacks fails with INPUT_MISSING, and others use the params URL', async () => {
    answers({ refresh_token: wechat.authorizeUser(APPID, USER).refresh_token });
    const tokens = manager();
    const task = { type: 'oauth2_access_token', subject: USER, params: params() } as const;
    const without = manager({ callbacks: false });
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
    await without.start();
    const failed: Promise<unknown> = without.get(APPID, 'oauth2_access_token', { subject: USER });
    await expect(failed).rejects.toMatchObject({
      code: 'INPUT_MISSING',
      message: expect.stringContaining('callbacks'),
    });
    expect(wechat.isValid(await tokens.get(APPID, 'oauth2_access_token', { subject: USER }))).toBe(true);
  });
});

describe('slow and failing params URLs', () => {
  it('slow params URLs serve every task in the end, and each task asks once', async () => {
    const waiting: ServerResponse[] = [];
    answer = (response) => waiting.push(response);
    const tokens = manager();
    const users = Array.from({ length: 24 }, (_, index) => `openid-${index}`);
    const got = new Set<string>();
    tokens.on('refreshed', ({ subject }) => void got.add(subject as string));
    const tasks = users.map((subject) => ({ type: 'oauth2_access_token' as const, subject, params: params() }));
    await tokens.register({ appid: APPID, secret: SECRET, tasks });
    for (let round = 0; round < 100 && got.size < users.length; round++) {
      // One turn of questions is answered after four seconds, and the rest is still there.
      await clock.advance(4_000);
      await setImmediate();
      for (const response of waiting.splice(0)) {
        const subject = new URL(response.req.url ?? '', origin).searchParams.get('subject') as string;
        response.end(JSON.stringify({ refresh_token: wechat.authorizeUser(APPID, subject).refresh_token }));
      }
      for (let turn = 0; turn < 50; turn++) await setImmediate();
    }
    expect(got.size).toBe(users.length);
    expect(asked).toHaveLength(users.length);
  });

  it('a task that waits too long for its turn at a params host says so once', async () => {
    answer = () => {};
    const tokens = manager();
    const users = Array.from({ length: 6 }, (_, index) => `openid-${index}`);
    const failed = new Promise<string>((resolve) => {
      tokens.on('refreshFailed', ({ error }) => {
        if (error.message.includes('too many tasks')) resolve(error.message);
      });
    });
    const tasks = users.map((subject) => ({ type: 'oauth2_access_token' as const, subject, params: params() }));
    await tokens.register({ appid: APPID, secret: SECRET, tasks });
    for (const subject of users) tokens.get(APPID, 'oauth2_access_token', { subject }).catch(() => {});
    while (asked.length < 2) await setImmediate();
    await clock.advance(5_000);
    const because = `the params URL of this task cannot be used now: too many tasks ask ${new URL(origin).host} at once`;
    expect(await failed).toBe(because);
  });

  it('a params URL that failed is not asked again within 5 s by any caller', async () => {
    answer = (response) => response.writeHead(500).end();
    const tokens = manager();
    const task = { type: 'oauth2_access_token', subject: USER, params: params() } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
    for (let caller = 0; caller < 20; caller++) {
      const got = tokens.get(APPID, 'oauth2_access_token', { subject: USER });
      await expect(got).rejects.toMatchObject({ code: 'INPUT_MISSING' });
    }
    expect(asked).toHaveLength(1);
    await clock.advance(5_000);
    await tokens.get(APPID, 'oauth2_access_token', { subject: USER }).catch(() => {});
    expect(asked).toHaveLength(2);
  });

  it('a failing params URL does not discard the good refresh token of a key without a subject', async () => {
    const tokens = manager();
    await tokens.register({ appid: APPID, secret: SECRET, tasks: ['component_access_token'] });
    const value = wechat.pushVerifyTicket(APPID);
    await tokens.put(APPID, 'component_verify_ticket', { value, expiresInSeconds: 43_200 });
    const authorizer_refresh_token = wechat.authorizeMerchant(APPID, MERCHANT);
    answers({ authorizer_appid: MERCHANT, authorizer_refresh_token });
    await tokens.register({ appid: APPID, tasks: [{ type: 'authorizer_access_token', params: params() }] });
    const { dueAt } = await tokens.getRecord(APPID, 'authorizer_access_token');
    answer = (response) => response.writeHead(500).end();
    const failed = new Promise<TokenManagerEvents['refreshFailed']>((resolve) => tokens.once('refreshFailed', resolve));
    await clock.advance(dueAt - clock.now());
    const { error, retryAt } = await failed;
    expect(error.message).toContain('answered with status 500');
    expect(retryAt - clock.now()).toBeLessThan(60_000);
    const [stored] = await store.get([`key/${APPID}/authorizer_access_token`]);
    expect(stored?.data).not.toHaveProperty('trying');
  });
});

describe('registering a URL', () => {
  it.each(['params', 'notify'] as const)('a URL as %s needs callbacks and an allowed address', async (name) => {
    const register = (tokens: TokenManager, url: string): Promise<void> =>
      tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: 'access_token', [name]: url }] });
    await expect(register(manager({ callbacks: false }), origin)).rejects.toThrow(
      `${name} can be a URL only if callbacks`,
    );
    const tokens = manager();
    await expect(register(tokens, 'ftp://a.test/?CANARY')).rejects.toThrow(
      `${name}: A callback URL must begin with http`,
    );
    await expect(register(tokens, 'http://169.254.169.254/')).rejects.toThrow(/metadata|link-local/);
    expect(tokens.hasTask(APPID, 'access_token')).toBe(false);
    await expect(register(tokens, origin)).resolves.toBeUndefined();
  });

  it('a notify URL survives a restart, and a registration without it removes it', async () => {
    answers({});
    const tokens = manager();
    const notify = `${origin}/notify`;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: 'access_token', notify }] });
    const [task] = await store.get([`task/${APPID}/access_token`]);
    expect(task?.data).toMatchObject({ notify });
    const next = manager();
    for await (const { delivery } of next.status()) expect(delivery).toBeDefined();
    await next.register({ appid: APPID, tasks: ['access_token'] });
    for await (const { delivery } of next.status()) expect(delivery).toBeUndefined();
  });
});

describe('createCallbacks', () => {
  it('createCallbacks rejects wrong options and a second call', () => {
    const tokens = manager({ callbacks: false });
    expect(() => createCallbacks(tokens, { notifysecret: 'x' } as object)).toThrow('notifysecret');
    expect(() => createCallbacks(tokens, { notifySecret: 'CANARY' })).toThrow(/^notifySecret: (?!.*CANARY)/);
    expect(() => createCallbacks(tokens, { allowHosts: ['a/b'] })).toThrow('allowHosts[0]');
    expect(() => createCallbacks(tokens, { legacyTypeNumbers: 1 as never })).toThrow(
      'legacyTypeNumbers must be a boolean',
    );
    createCallbacks(tokens);
    expect(() => createCallbacks(tokens)).toThrow('attached to this manager already');
    expect(() => createCallbacks({})).toThrow('must be a TokenManager');
  });

  it('createCallbacks rejects a closed manager', async () => {
    const tokens = manager({ callbacks: false });
    await tokens.start();
    await tokens.close();
    expect(() => createCallbacks(tokens)).toThrow('closed');
  });
});
