import nodeFetch from 'node-fetch';
import { fetch as undiciFetch } from 'undici';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createFetch, type TokenManager } from '../../../../src/index.js';
import { FakeWeChat } from '../../../../src/testing/index.js';
import { APPID, SECRET, World } from '../../../support/worlds/world.js';
import { everythingShown, failure } from '../failure.js';
import { BusinessServer } from './business-server.js';
import { scene } from './scene.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('createFetch', () => {
  test('a call carries the token of the app, in the query, to the first origin', async () => {
    await using at = await scene();
    const response = await at.wechat('/cgi-bin/user/info?openid=o1&access_token=old');
    expect(await response.json()).toEqual({ errcode: 0, ok: true });
    const [{ method, path } = {}] = at.server.received;
    expect([method, path]).toEqual(['GET', '/cgi-bin/user/info?openid=o1&access_token=token-1']);
  });

  test.each([
    ['a URL', (origin: string) => new URL('/a?b=1', origin)],
    ['text', (origin: string) => `${origin}/a?b=1`],
    ['a Request', (origin: string) => new Request(`${origin}/a?b=1`)],
  ])('a call may be given as %s', async (_, input) => {
    await using at = await scene();
    await at.wechat(input(at.server.origin));
    expect(at.server.received.map(({ path }) => path)).toEqual(['/a?b=1&access_token=token-1']);
  });

  test('a call is made once more with a new token when the first was stale, and the second answer stands', async () => {
    await using at = await scene();
    at.server.dead.add('token-1');
    const response = await at.wechat('/a', { method: 'POST', body: '{"b":1}', headers: { 'x-test': '1' } });
    expect(await response.json()).toEqual({ errcode: 0, ok: true });
    expect(at.server.tokens).toEqual(['token-1', 'token-2']);
    for (const { method, body, headers } of at.server.received) {
      expect([method, body, headers['x-test']]).toEqual(['POST', '{"b":1}', '1']);
    }
    at.server.dead.add('token-2');
    at.server.received.splice(0);
    await at.world.clock.advance(30_000);
    at.server.dead.add('token-3');
    expect(await (await at.wechat('/a')).json()).toMatchObject({ errcode: 40_001 });
    expect(at.server.tokens).toEqual(['token-2', 'token-3']);
  });

  test.each([
    ['the fetch of undici', undiciFetch as unknown as typeof fetch],
    ['node-fetch', nodeFetch as unknown as typeof fetch],
  ])('a call that is sent by %s is made once more with a new token as well', async (_, send) => {
    await using at = await scene();
    at.server.dead.add('token-1');
    const response = await createFetch(at.tokens, APPID, { fetch: send })('/a', { method: 'POST', body: '{"b":1}' });
    expect(await response.json()).toEqual({ errcode: 0, ok: true });
    expect(at.server.tokens).toEqual(['token-1', 'token-2']);
  });

  test.each([
    ['40001', 'application/json; encoding=utf-8'],
    ['40014', 'text/plain'],
    ['42001', 'text/html; charset=gbk'],
    ['"42001"', 'application/octet-stream'],
    ['40001', 'image/jpeg'],
    ['40001', ''],
  ])('the errcode %s of an answer labelled %j means that the token was stale', async (errcode, type) => {
    await using at = await scene();
    at.server.dead.add('token-1');
    at.server.stale = `{"errcode":${errcode},"errmsg":"x"}`;
    at.server.contentType = type;
    const response = await at.wechat('/a');
    expect(await response.json()).toEqual({ errcode: 0, ok: true });
    expect(at.server.tokens).toEqual(['token-1', 'token-2']);
  });

  test.each([
    ['another errcode', '{"errcode":45009}'],
    ['an errcode deeper down', '{"data":{"errcode":40001}}'],
    ['a file', 'GIF89a {"errcode":40001}'],
    ['nothing', ''],
  ])('%s is returned as it came, after one call', async (_, text) => {
    await using at = await scene();
    at.server.answer = (_received, response) => void response.end(text);
    expect(await (await at.wechat('/a')).text()).toBe(text);
    expect(at.server.received).toHaveLength(1);
  });

  test('fifty calls at once with one dead token cause one refresh', async () => {
    await using at = await scene();
    await at.tokens.get(APPID, 'access_token');
    at.server.dead.add('token-1');
    const calls = Array.from({ length: 50 }, (_, n) => at.wechat(`/a?n=${n}`).then((response) => response.json()));
    expect(new Set((await Promise.all(calls)).map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(at.server.tokens.filter((token) => token === 'token-1')).toHaveLength(50);
    expect(at.server.tokens.filter((token) => token === 'token-2')).toHaveLength(50);
    expect(at.world.wechat.calls).toBe(2);
  });

  test('isStale replaces the rule, and sees the response or the error', async () => {
    await using at = await scene();
    const isStale = vi.fn(({ result }) => (result as Response).status === 401);
    const wechat = createFetch(at.tokens, APPID, { isStale });
    at.server.answer = ({ token }, response) => void response.writeHead(token === 'token-1' ? 401 : 200).end('{}');
    expect((await wechat('/a')).status).toBe(200);
    expect(isStale).toHaveBeenCalledOnce();
    expect(at.server.tokens).toEqual(['token-1', 'token-2']);
  });

  test('a redirect is returned, not followed', async () => {
    await using at = await scene();
    await using other = await BusinessServer.start();
    at.server.answer = (_, response) => void response.writeHead(302, { location: `${other.origin}/x` }).end();
    for (const input of ['/a', new Request(`${at.server.origin}/a`)]) {
      const response = await at.wechat(input);
      expect([response.status, response.headers.get('location')]).toEqual([302, `${other.origin}/x`]);
    }
    await expect(at.wechat('/a', { redirect: 'error' })).rejects.toThrow(TypeError);
    expect(other.received).toEqual([]);
  });

  test('calls of a platform carry its own token, and those for a merchant the token of the merchant', async () => {
    await using at = await scene();
    await using fake = await FakeWeChat.start({ clock: at.world.clock, apps: { [APPID]: { secret: SECRET } } });
    const tokens = at.world.manager({ wechat: { origins: [fake.origin] } });
    await tokens.register({ appid: APPID, secret: SECRET });
    const ticket = { value: fake.pushVerifyTicket(APPID), expiresInSeconds: 43_200 };
    await tokens.put(APPID, 'component_verify_ticket', ticket);
    const grant = { value: 'of the merchant', expiresInSeconds: 7_200, refreshToken: 'refreshtoken@@@x' };
    await tokens.put(APPID, 'authorizer_access_token', grant, { subject: 'wx2' });
    const send = vi.fn(async (_url: string) => Response.json({}));
    await createFetch(tokens, APPID, { type: 'component_access_token', fetch: send })('/cgi-bin/component/x');
    const merchant = { type: 'authorizer_access_token', subject: 'wx2', fetch: send } as const;
    await createFetch(tokens, APPID, merchant)('/cgi-bin/user/get');
    const own = encodeURIComponent(await tokens.get(APPID, 'component_access_token'));
    expect(send.mock.calls.map(([url]) => url)).toEqual([
      `${fake.origin}/cgi-bin/component/x?component_access_token=${own}`,
      `${fake.origin}/cgi-bin/user/get?access_token=of%20the%20merchant`,
    ]);
  });
});

describe('misuse of createFetch', () => {
  test.each<[unknown, unknown, object, string]>([
    [undefined, APPID, {}, 'tokens must be an object with a function call, got undefined'],
    [
      { call: async () => 'x', hasType: () => true },
      APPID,
      {},
      'tokens must be a TokenManager of the same copy of wechat-token-manager: where a bundler makes several copies, leave the package external',
    ],
    ['manager', 'a/b', {}, 'appid must be 1 to 64 characters of A-Z a-z 0-9 _ . @ -, got "a/b"'],
    [
      'manager',
      APPID,
      { type: 'acess_token' },
      'type must be a type of the manager that is no ticket, got "acess_token"',
    ],
    [
      'manager',
      APPID,
      { type: 'jsapi_ticket' },
      'type must be a type of the manager that is no ticket, got "jsapi_ticket"',
    ],
    ['manager', APPID, { type: 7 }, 'type must be a type of the manager that is no ticket, got 7'],
    [
      'manager',
      APPID,
      { subject: 'a b' },
      'subject must be 1 to 128 printable ASCII characters without spaces, got "a b"',
    ],
    ['manager', APPID, { timeoutMs: -1 }, 'timeoutMs must be a number from 0 to 2147483647, got -1'],
    ['manager', APPID, { isStale: true }, 'isStale must be a function, got a boolean'],
    ['manager', APPID, { fetch: 'fetch' }, 'fetch must be a function, got a string'],
    [
      'manager',
      APPID,
      { signal: AbortSignal.abort() },
      'the options of createFetch: unknown name "signal", expected one of type, subject, timeoutMs, isStale, fetch',
    ],
  ])('createFetch names the wrong argument: %#', async (tokens, appid, options, message) => {
    await using world = new World();
    const manager = tokens === 'manager' ? world.manager() : tokens;
    expect(() => createFetch(manager as TokenManager, appid as string, options)).toThrow(new TypeError(message));
  });

  test('a manager with a proxy wants to be told how calls are sent', async () => {
    await using world = new World();
    const tokens = world.manager({ wechat: { proxy: 'http://user:CANARY@10.0.0.9:3128' } });
    expect(() => createFetch(tokens, APPID)).toThrow(/^fetch must be given, because the manager has wechat.proxy/);
    expect(() => createFetch(tokens, APPID)).not.toThrow('CANARY');
    createFetch(tokens, APPID, { fetch });
  });

  test.each<[string, unknown, unknown]>([
    ['no URL', undefined, undefined],
    ['a number', 7, undefined],
    ['an object', {}, undefined],
    ['another host', 'https://evil.example/', undefined],
    ['another host in a URL', new URL('https://evil.example/'), undefined],
    ['another host in a Request', new Request('https://evil.example/'), undefined],
    ['a redirect to be followed', '/a', { redirect: 'follow' }],
    ['an unknown redirect', '/a', { redirect: 'CANARY-CANARY-CANARY' }],
    ['an init that is text', '/a', 'CANARY'],
    ['a signal that is none', '/a', { signal: {} }],
    [
      'an init that cannot be read',
      '/a',
      {
        get body(): string {
          throw new Error('CANARY');
        },
      },
    ],
  ])(
    'a call with %s rejects with a TypeError, and neither a token is asked for nor anything sent',
    async (_, input, init) => {
      await using at = await scene();
      const calls = vi.spyOn(at.tokens, 'call');
      const send = vi.fn(async () => new Response('{}'));
      const wechat = createFetch(at.tokens, APPID, { fetch: send });
      const error = await failure(wechat(input as string, init as RequestInit));
      expect(error).toBeInstanceOf(TypeError);
      expect(everythingShown(error)).not.toContain('CANARY');
      expect(calls).not.toHaveBeenCalled();
      expect(send).not.toHaveBeenCalled();
    },
  );
});
