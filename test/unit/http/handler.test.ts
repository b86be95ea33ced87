import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createApiKey, createHandler, type HandlerOptions } from '../../../src/http/index.js';
import { TokenManager } from '../../../src/index.js';
import { type Answered, HttpWorld, TASK } from '../../support/worlds/http-world.js';
import { APPID, SECRET, World } from '../../support/worlds/world.js';

describe('options of createHandler', () => {
  test.each([
    [{}, /keys.*trust.*anonymous/],
    [
      { anonymous: true, prefx: '/x' },
      'the options of createHandler: unknown name "prefx", expected one of contracts, prefix,',
    ],
    [{ anonymous: true, prefix: '/x/' }, "prefix must be '' or a path like '/wechat'"],
    [{ anonymous: true, prefix: 7 }, "prefix must be '' or a path like '/wechat'"],
    [
      { anonymous: true, contracts: [] },
      'contracts must be an array of scheduler, wetoken, native, wechat, proxy, push, got',
    ],
    [{ anonymous: true, contracts: 'scheduler' }, 'contracts must be an array of'],
    [
      { anonymous: true, contracts: ['schedular'] },
      'contracts: unknown name "schedular", expected one of scheduler, wetoken, native, wechat, proxy, push',
    ],
    [{ anonymous: true, releaseCheck: 'no' }, 'releaseCheck must be true or false, got "no"'],
    [
      { anonymous: true, releaseCheck: true, push: { receive: (): undefined => undefined } },
      'releaseCheck is an option of the receiver given as push',
    ],
    [{ anonymous: true, onError: 1 }, 'onError must be a function, got a number'],
    [{ anonymous: true, authorizerTasks: 'jsapi_ticket' }, 'authorizerTasks must be an array, got a string'],
    [{ anonymous: true, authorizerTasks: ['jsapi'] }, 'authorizerTasks must be types of the manager, got "jsapi"'],
    [
      { anonymous: true, authorizerTasks: ['access_token'] },
      'authorizerTasks must not name access_token: the token of an authorizer is authorizer_access_token',
    ],
    [
      { anonymous: true, authorizerTasks: ['jsapi_ticket', 'component_verify_ticket'] },
      'authorizerTasks must not name component_verify_ticket',
    ],
    [
      { anonymous: true, authorizerTasks: [], push: { receive: (): undefined => undefined } },
      'authorizerTasks is an option of the receiver given as push',
    ],
    [{ anonymous: true, hostNames: 'a.test' }, 'hostNames must be an array, got a string'],
    [{ anonymous: true, hostNames: ['http://a.test'] }, 'hostNames must contain names like tokens.example.com'],
    [{ anonymous: true, legacyTypeNumbers: 1 }, 'legacyTypeNumbers must be a boolean, got a number'],
  ])('createHandler rejects the options %j', async (options, message) => {
    await using world = new World();
    expect(() => createHandler(world.manager(), options as HandlerOptions)).toThrow(TypeError);
    expect(() => createHandler(world.manager(), options as HandlerOptions)).toThrow(message);
  });

  test('createHandler rejects a manager that is not a TokenManager', () => {
    expect(() => createHandler({} as never, { anonymous: true })).toThrow(
      /manager must be a TokenManager of the same copy .*leave the package external/,
    );
  });
});

describe('the access check', () => {
  const key = createApiKey({ scopes: ['read', 'register'], appids: [APPID], perSecond: 3 });
  const headers = { Authorization: `Bearer ${key.key}` };

  async function registered(): Promise<HttpWorld> {
    const world = new HttpWorld({ anonymous: false, keys: [key.entry], contracts: ['scheduler', 'native'] });
    await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    await world.tokens.register({ appid: 'wx-other', secret: SECRET, tasks: ['access_token'] });
    return world;
  }

  test('a client without a key is rejected in the shape of the contract', async () => {
    await using world = await registered();
    const { status, body, headers: answered } = await world.ask(TASK);
    expect([status, body]).toEqual([
      401,
      { code: 401, message: expect.stringContaining('an API key is required'), result: null },
    ]);
    expect(answered.get('www-authenticate')).toBe('Basic realm="wechat-tokens", Bearer');
    expect((await world.ask('/tokens')).body).toMatchObject({ status: 401, detail: expect.any(String) });
  });

  test('a key opens what its scopes and apps allow', async () => {
    await using world = await registered();
    const statusOf = async (path: string, body?: object): Promise<number> => {
      await world.clock.advance(1_000);
      return (await world.ask(path, { headers, body })).status;
    };
    expect(await statusOf(TASK)).toBe(200);
    expect(await statusOf(TASK, { force: true })).toBe(403);
    expect(await statusOf('/task/wx-other/0')).toBe(403);
    expect(await statusOf('/registe', { appid: APPID, appsecret: SECRET })).toBe(200);
    expect(await statusOf('/registe', { appid: 'wx-other', appsecret: 'stolen' })).toBe(403);
    expect(await statusOf(`/tokens/${APPID}/access_token/refresh`, { force: true })).toBe(403);
  });

  test('a list shows only the apps of the key', async () => {
    await using world = await registered();
    const { body } = await world.ask('/tokens', { headers });
    expect(body).toMatchObject({ tasks: [{ appid: APPID }] });
    expect(JSON.stringify(body)).not.toContain('wx-other');
    expect((await world.ask('/tokens?appid=wx-other', { headers })).status).toBe(403);
  });

  test('a request counts once against the limit of its key, whatever it asks for', async () => {
    await using world = await registered();
    const body = { appid: APPID, appsecret: SECRET };
    for (let times = 0; times < 3; times++) expect((await world.ask('/registe', { headers, body })).status).toBe(200);
    const refused = await world.ask('/registe', { headers, body });
    expect([refused.status, refused.body]).toEqual([429, { code: 429, message: expect.any(String), result: null }]);
    expect(refused.headers.get('retry-after')).toBe('1');
  });

  test('health needs no key', async () => {
    await using world = await registered();
    expect([(await world.ask('/healthz')).status, (await world.ask('/readyz')).status]).toEqual([200, 200]);
  });
});

test('a route that fails unexpectedly is 500 and does not show the reason', async () => {
  const told: Error[] = [];
  const onError = (error: Error): void => {
    told.push(error);
    throw new Error('of the listener');
  };
  await using world = new HttpWorld({ onError });
  world.tokens.hasTask = () => {
    throw new Error('CANARY of a defect');
  };
  const { body } = await world.ask(TASK);
  expect(told).toHaveLength(1);
  expect(body).toEqual({ code: 500, message: 'internal error; see the server log for the reason', result: null });
});

test('a body of which the host has kept nothing is 500, and its listener is told why', async () => {
  const told: Error[] = [];
  await using tokens = new TokenManager();
  const { key, entry } = createApiKey({ scopes: ['call'] });
  const handler = createHandler(tokens, { contracts: ['proxy'], keys: [entry], onError: (error) => told.push(error) });
  const request = new Request(`http://localhost/proxy/${APPID}/cgi-bin/user/get`, {
    method: 'POST',
    body: '{}',
    headers: { authorization: `Bearer ${key}` },
  });
  await request.text();
  expect((await handler.fetch(request)).status).toBe(500);
  expect(told.map(({ message }) => message)).toEqual(['the body of this Request has been read already']);
});

test('ten thousand random requests are answered well-formed, in the shape of the contract', async () => {
  await using world = new HttpWorld({ contracts: ['scheduler', 'wetoken', 'native'] });
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  await world.tokens.get(APPID, 'access_token');
  const segment = fc.oneof(
    fc.constantFrom(
      'task',
      'registe',
      'tokens',
      'apps',
      'wechat',
      'token',
      'ticket',
      'get',
      'refresh',
      'app',
      'create',
      APPID,
    ),
    fc.constantFrom(
      '0',
      '1',
      '4',
      '9',
      'access_token',
      '..',
      '%2e%2e',
      '%00',
      '%ff',
      '%',
      '__proto__',
      'constructor',
      '',
    ),
    fc.webSegment(),
  );
  const body = fc.oneof(
    fc.constant(undefined),
    fc.string(),
    fc.json(),
    fc.constantFrom('{"force":true}', '{"__proto__":{"appid":"x"}}', '{"tasks":[{"type":{}}]}'),
    fc
      .record({ appid: fc.jsonValue(), appsecret: fc.jsonValue(), tasks: fc.jsonValue() })
      .map((value) => JSON.stringify(value)),
  );
  const request = fc.record({
    segments: fc.array(segment, { maxLength: 5 }),
    query: fc.oneof(
      fc.constant(''),
      fc.webQueryParameters().map((query) => `?${query}`),
    ),
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
    body,
  });
  const shapes = [
    { code: expect.any(Number), message: expect.any(String), result: expect.toBeOneOf([null, expect.any(String)]) },
    { errcode: expect.toBeOneOf([0, 400]), errmsg: expect.any(String) },
    { status: expect.toBeOneOf([400, 404, 405, 413, 424, 429, 502, 503, 504]), detail: expect.any(String) },
    { tasks: expect.any(Array) },
    { apps: expect.any(Array) },
    { status: expect.any(String) },
    { appid: APPID, value: expect.any(String) },
  ];
  await fc.assert(
    fc.asyncProperty(request, async ({ segments, query, method, body: sent }) => {
      const hasBody = method !== 'GET' && sent !== undefined;
      const asked = world.ask(`/${segments.join('/')}${query}`, hasBody ? { method, body: sent } : { method });
      const { status, body: answer } = await settled(asked, world);
      expect(status).toBeOneOf([200, 204, 400, 404, 405, 413, 424, 429, 502, 503, 504]);
      const isText = typeof answer === 'string' && /^(<!doctype html>|# HELP )/.test(answer);
      if (status !== 204 && !isText) expect(shapes.some((shape) => matches(answer, shape))).toBe(true);
    }),
    { numRuns: 10_000 },
  );
}, 120_000);

/** Time passes until there is an answer. */
async function settled(asked: Promise<Answered>, { clock }: World): Promise<Answered> {
  let isSettled = false;
  const answered = asked.finally(() => {
    isSettled = true;
  });
  for (let step = 0; step < 20 && !isSettled; step++) await clock.advance(step * 500);
  return answered;
}

function matches(answer: unknown, shape: object): boolean {
  try {
    expect(answer).toMatchObject(shape);
    return true;
  } catch {
    return false;
  }
}
