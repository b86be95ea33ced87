import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../../src/index.js';
import { HttpWorld, TASK } from '../../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../../support/worlds/world.js';

const APP = { appid: APPID, appsecret: SECRET };

test('a token last read from the store a minute ago is answered from memory without waiting', async () => {
  await using world = new HttpWorld();
  await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
  await world.ask(TASK);
  await world.clock.advance(60_000);
  const wait = (): never => {
    throw new Error('the answer was waited for');
  };
  Object.defineProperty(world.tokens, 'get', { value: wait });
  expect((await world.ask(TASK)).body).toEqual({ code: 200, message: '', result: 'token-1' });
});

describe('POST /registe', () => {
  test('a registration is stored when it is answered, and its token is available', async () => {
    await using world = new HttpWorld();
    const { status, body, headers } = await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    expect([status, body]).toEqual([200, { code: 200, message: '', result: 'success' }]);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store');
    expect((await world.store.get([`task/${APPID}/access_token`]))[0]).toBeDefined();
    expect((await world.ask(TASK)).body).toEqual({ code: 200, message: '', result: 'token-1' });
  });

  test.each([undefined, null, []])('a registration with %s for tasks schedules nothing', async (tasks) => {
    await using world = new HttpWorld();
    const { body } = await world.ask('/registe', { body: { ...APP, tasks } });
    expect(body).toEqual({ code: 200, message: '', result: '' });
    expect((await world.store.get([`app/${APPID}`]))[0]).toBeDefined();
    expect(world.wechat.calls).toBe(0);
  });

  test.each([
    ['', 'the body is empty; a JSON object is expected'],
    ['{"appid":', 'the body is not JSON'],
    ['[]', 'the body must be a JSON object'],
    ['null', 'the body must be a JSON object'],
    ['[['.repeat(30_000), 'the body is not JSON'],
    [{ appsecret: SECRET }, 'appid is required, and must be a string'],
    [{ appid: APPID }, 'appsecret is required, and must be a string'],
    [{ appid: APPID, appsecret: '' }, 'appsecret is required, and must be a string'],
    [{ appid: 7, appsecret: SECRET }, 'appid is required, and must be a string'],
    [{ ...APP, appsecret: `${SECRET}\n` }, 'appsecret must not end with white space (U+000A)'],
    [{ ...APP, appsecret: `"${SECRET}"` }, 'appsecret must not be in quotation marks'],
    [
      { ...APP, tasks: [{ type: 0, notify: 'https://app.example/CANARY ' }] },
      'notify must not end with white space (U+0020)',
    ],
    [{ appid: '../x', appsecret: SECRET }, 'appid must be 1 to 64 characters of A-Z a-z 0-9 _ . @ -, got "../x"'],
    [{ ...APP, tasks: {} }, 'tasks must be an array, got an object'],
    [{ ...APP, tasks: [0] }, 'tasks[0] must be an object, got a number'],
    [{ ...APP, tasks: [{ type: 0 }, { type: 5 }] }, 'tasks[1].type must be 0 to 4 or the name of a type, got 5'],
    [{ ...APP, tasks: [{ type: 0.5 }] }, 'tasks[0].type must be 0 to 4 or the name of a type, got 0.5'],
    [{ ...APP, tasks: [{}] }, 'tasks[0].type must be 0 to 4 or the name of a type, got undefined'],
    [{ ...APP, tasks: [{ type: '__proto__' }] }, 'tasks[0].type must be 0 to 4 or the name of a type, got "__proto__"'],
    [{ ...APP, tasks: [{ type: 2, subject: 7 }] }, 'tasks[0].subject must be a string, got a number'],
    [
      { ...APP, tasks: [{ type: 0 }, { type: 1, notify: 'ftp://app/' }] },
      'notify: A callback URL must begin with http:// or https://',
    ],
    [{ ...APP, tasks: [{ type: 0, notify: 7 }] }, 'tasks[0].notify must be a URL, got a number'],
    [
      { ...APP, tasks: [{ type: 0, params: 'http://169.254.169.254/?CANARY' }] },
      'params: A callback URL must not lead to 169.254.169.254: metadata addresses are refused',
    ],
  ])('a wrong registration, number %#, is code 400, and none of it is stored', async (body, message) => {
    await using world = new HttpWorld();
    const answer = await world.ask('/registe', { method: 'POST', body });
    expect([answer.status, answer.body]).toEqual([200, { code: 400, message, result: null }]);
    await world.tokens.start();
    expect((await world.store.get([`app/${APPID}`]))[0]).toBeUndefined();
    expect(JSON.stringify(answer.body)).not.toContain('CANARY');
  });

  test('a later registration changes the secret at once and keeps tasks that it does not name', async () => {
    await using world = new HttpWorld();
    await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    await world.ask(TASK);
    await world.ask('/registe', { body: { ...APP, appsecret: 'another', tasks: [] } });
    await world.ask(TASK, { body: { force: true } });
    expect(world.wechat.asked.map(({ app }) => app.secret)).toEqual([SECRET, 'another']);
  });

  test.each(['GET', 'PUT', 'DELETE'])('%s /registe is code 405', async (method) => {
    await using world = new HttpWorld();
    expect((await world.ask('/registe', { method })).body).toMatchObject({ code: 405, result: null });
  });

  test('a registration ignores unknown fields, names of prototypes too', async () => {
    await using world = new HttpWorld();
    const body = `{"appid":"${APPID}","appsecret":"s","x":1,"__proto__":{"tasks":1},"tasks":[{"type":0,"y":2,"notify":"","params":null}]}`;
    expect((await world.ask('/registe', { body })).body).toMatchObject({ code: 200, result: 'success' });
  });

  test('a body of 65,536 bytes is read, and one byte more is HTTP 413 in the same shape', async () => {
    await using world = new HttpWorld();
    const room = 65_536 - JSON.stringify({ ...APP, x: '' }).length;
    expect((await world.ask('/registe', { body: { ...APP, x: 'x'.repeat(room) } })).body).toMatchObject({ code: 200 });
    const { status, body } = await world.ask('/registe', { body: { ...APP, x: 'x'.repeat(room + 1) } });
    expect(status).toBe(413);
    expect(body).toEqual({ code: 413, message: 'a body must be at most 65536 bytes', result: null });
  });

  test('a registration that cannot be stored is code 503 and leaves the old one', async () => {
    await using world = new HttpWorld();
    await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    await world.ask(TASK);
    world.store.set = async () => {
      throw new Error('disk full');
    };
    const failed = world.ask('/registe', { body: { ...APP, appsecret: 'another', tasks: [{ type: 1 }] } });
    await world.clock.advance(10_000);
    expect((await failed).body).toMatchObject({ code: 503, result: null });
    expect((await world.ask(TASK)).body).toMatchObject({ code: 200, result: 'token-1' });
    expect((await world.ask(`/task/${APPID}/1`)).body).toMatchObject({ code: 400 });
  });
});

describe('/task/:appid/:type', () => {
  async function registered(options: ConstructorParameters<typeof HttpWorld>[0] = {}): Promise<HttpWorld> {
    const world = new HttpWorld(options);
    await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    return world;
  }

  test.each(['GET', 'POST', 'PUT', 'DELETE', 'HEAD'])('%s /task reads the token', async (method) => {
    await using world = await registered();
    const { status, body } = await world.ask(TASK, { method });
    expect([status, body]).toEqual([200, { code: 200, message: '', result: 'token-1' }]);
  });

  test.each(['0', 'access_token'])('the type in the path may be %s', async (type) => {
    await using world = await registered();
    expect((await world.ask(`/task/${APPID}/${type}`)).body).toMatchObject({ code: 200, result: 'token-1' });
  });

  test.each([
    '/task/unknown/0',
    `/task/${APPID}/1`,
    `/task/${APPID}/5`,
    `/task/${APPID}/00`,
    `/task/${APPID}/%30%30`,
    `/task/${APPID}/jsapi_ticket`,
    `/task/${APPID}/no_such_type`,
    `/task/${APPID}/__proto__`,
    `/task/${APPID}/0?subject=user`,
    `/task/%00/0`,
    `/task/%ff/0`,
    `/task/a%2Fb/0`,
    `/task/${'x'.repeat(65)}/0`,
  ])('the path %s is code 400', async (path) => {
    await using world = await registered();
    const { status, body } = await world.ask(path);
    expect(status).toBe(200);
    expect(body).toMatchObject({ code: 400, result: null });
  });

  test.each(['/task', `/task/${APPID}`])('the path %s is code 404', async (path) => {
    await using world = await registered();
    expect(await world.ask(path)).toMatchObject({ status: 200, body: { code: 404, result: null } });
  });

  test.each(['/', '/tasks', `/task/${APPID}/0/`, '/task//0/x', '/registe/', '/tokens'])(
    'the path %s is not a route of the contract',
    async (path) => {
      await using world = await registered();
      expect((await world.ask(path)).status).toBe(404);
    },
  );

  test('a cached token of a key without a task is code 400', async () => {
    await using world = new HttpWorld();
    await world.ask('/registe', { body: APP });
    expect(await world.tokens.get(APPID, 'access_token')).toBe('token-1');
    expect(world.tokens.peek(APPID, 'access_token')?.value).toBe('token-1');
    expect((await world.ask(TASK)).body).toMatchObject({ code: 400, result: null });
  });

  test('a request waits for the first token', async () => {
    await using world = new HttpWorld();
    let answer: (grant: object) => void = () => {};
    world.wechat.next(() => new Promise((resolve) => (answer = resolve)));
    await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    const asked = world.ask(TASK);
    await world.clock.advance(3_000);
    answer({});
    expect((await asked).body).toMatchObject({ code: 200, result: 'token-1' });
  });

  test.each([
    [new TokenError('UPSTREAM_REJECTED', 'the secret is wrong', { errcode: 40125 }), 502],
    [new TokenError('QUOTA_EXHAUSTED', 'enough for today', { errcode: 45009 }), 429],
    [new TokenError('REAUTHORIZATION_REQUIRED', 'withdrawn'), 409],
  ])('%s without a usable token is its code of the common table, under HTTP 200', async (error, code) => {
    await using world = new HttpWorld();
    world.wechat.always = error;
    await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    await world.clock.advance(1_000);
    const { status, body, headers } = await world.ask(TASK);
    expect([status, body]).toEqual([200, { code, message: error.message, result: null }]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('an outage of WeChat is code 503', async () => {
    await using world = new HttpWorld();
    world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { retryable: true });
    await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    const asked = world.ask(TASK);
    await world.clock.advance(25_000);
    expect(await asked).toMatchObject({ status: 200, body: { code: 503, message: 'busy', result: null } });
  });

  test('a request past its deadline is code 503 or 504', async () => {
    await using world = new HttpWorld();
    world.wechat.always = () => new Promise(() => {});
    await world.ask('/registe', { body: { ...APP, tasks: [{ type: 0 }] } });
    const asked = world.ask(TASK);
    await world.clock.advance(25_001);
    expect((await asked).body).toMatchObject({ code: expect.toBeOneOf([503, 504]), result: null });
  });

  test('a stale report replaces the current token, and one of an older token answers the current one', async () => {
    await using world = await registered();
    await world.ask(TASK);
    expect((await world.ask(TASK, { body: { stale: 'token-1' } })).body).toMatchObject({ result: 'token-2' });
    expect((await world.ask(TASK, { body: { stale: 'token-1' } })).body).toMatchObject({ result: 'token-2' });
    expect(world.wechat.calls).toBe(2);
  });

  test('a forced refresh replaces the token, and the next one is rate limited', async () => {
    await using world = await registered();
    await world.ask(TASK);
    expect((await world.ask(TASK, { body: { force: true } })).body).toMatchObject({ code: 200, result: 'token-2' });
    const { body, headers } = await world.ask(TASK, { body: { force: true } });
    expect(body).toMatchObject({ code: 429, result: null });
    expect(headers.get('retry-after')).toBe('30');
  });

  test.each(['', ' \r\n', '{}', '{"other":true}'])('a request with the body %j reads the token', async (body) => {
    await using world = await registered();
    await world.ask(TASK);
    expect((await world.ask(TASK, { method: 'POST', body })).body).toMatchObject({ code: 200, result: 'token-1' });
    expect(world.wechat.calls).toBe(1);
  });

  test.each([
    ...['{"force":false}', '{"force":null}', '{"stale":""}', '{"stale":7}', '{"force":true,"x":1}'],
    ...['{"stale":"token-1","force":true}', '[true]', '"stale"', '{"force"', 'x', 'stale=token-1'],
  ])('the body %s could be a malformed order and is code 400', async (body) => {
    await using world = await registered();
    await world.ask(TASK);
    expect((await world.ask(TASK, { body })).body).toMatchObject({ code: 400, result: null });
    expect(world.wechat.calls).toBe(1);
  });

  test.each(['\uFEFF', '\r\n ', '\u00A0'])('an order behind %j is accepted', async (before) => {
    await using world = await registered();
    await world.ask(TASK);
    const body = `${before}{"stale":"token-1"}${before}`;
    expect((await world.ask(TASK, { body })).body).toMatchObject({ code: 200, result: 'token-2' });
  });
});

describe.each([
  [false, ['access_token', 'jsapi_ticket', 'oauth2_access_token', 'component_access_token', 'authorizer_access_token']],
  [true, ['access_token', 'oauth2_access_token', 'jsapi_ticket', 'component_access_token', 'authorizer_access_token']],
])('the numbers of types with legacyTypeNumbers %s', (legacyTypeNumbers, names) => {
  test.each(names.map((name, number) => [number, name] as const))(
    'the number %i is %s, in a registration and in a path',
    async (number, type) => {
      await using world = new HttpWorld({ legacyTypeNumbers });
      await world.tokens.register({ appid: APPID, secret: SECRET, tasks: [] });
      await world.ask('/registe', { body: { ...APP, tasks: [{ type: number, subject: 'user' }] } });
      expect(world.tokens.hasTask(APPID, type as 'access_token', { subject: 'user' })).toBe(true);
      const grant = { value: `a ${type}`, expiresInSeconds: 7_200 };
      await world.tokens.put(APPID, type as 'access_token', grant, { subject: 'user' });
      const { body } = await world.ask(`/task/${APPID}/${number}?subject=user`);
      expect(body).toMatchObject({ code: 200, result: `a ${type}` });
    },
  );
});
