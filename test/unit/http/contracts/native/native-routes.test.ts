import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { wait } from '../../../../../src/core/concurrency/clock.js';
import { TokenError } from '../../../../../src/index.js';
import { HttpWorld } from '../../../../support/worlds/http-world.js';
import { driven } from '../../../../support/worlds/registrar-process.js';
import { APPID, SECRET } from '../../../../support/worlds/world.js';

async function registered(): Promise<HttpWorld> {
  const world = new HttpWorld({ contracts: ['native'] });
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  return world;
}

const TOKEN = `/tokens/${APPID}/access_token`;

describe('GET /tokens/:appid/:type', () => {
  test('GET answers the record, with its version as ETag', async () => {
    await using world = await registered();
    const { status, body, headers } = await world.ask(TOKEN);
    const version = world.tokens.peek(APPID, 'access_token')?.version;
    const expires_at = world.clock.now() + 7_200_000;
    expect(status).toBe(200);
    expect(body).toEqual({
      appid: APPID,
      type: 'access_token',
      value: 'token-1',
      expires_in: 7_200,
      expires_at,
      version,
    });
    expect(headers.get('etag')).toBe(`"${version}"`);
  });

  test('GET answers 304 for a version that the client has already', async () => {
    await using world = await registered();
    const etag = (await world.ask(TOKEN)).headers.get('etag') as string;
    expect(await world.ask(TOKEN, { headers: { 'If-None-Match': etag } })).toMatchObject({
      status: 304,
      body: undefined,
    });
    await world.tokens.refresh(APPID, 'access_token', { force: true });
    expect((await world.ask(TOKEN, { headers: { 'If-None-Match': etag } })).status).toBe(200);
  });

  test('a token is answered with the lifetime that is left after the clock was set back', async () => {
    await using world = await registered();
    await world.ask(TOKEN);
    await world.clock.advance(5_400_000);
    world.clock.jump(-3_600_000);
    const expires_at = world.clock.now() + 1_800_000;
    expect((await world.ask(TOKEN)).body).toMatchObject({ value: 'token-1', expires_in: 1_800, expires_at });
  });

  test('a token of a subject is answered with its subject', async () => {
    await using world = await registered();
    await world.tokens.put(APPID, 'oauth2_access_token', { value: 'v', expiresInSeconds: 60 }, { subject: 'openid' });
    const { body } = await world.ask(`/tokens/${APPID}/oauth2_access_token?subject=openid`);
    expect(body).toMatchObject({ subject: 'openid', value: 'v', expires_in: 60 });
  });

  test.each([
    ['/tokens/unknown/access_token', 404, 'NOT_REGISTERED'],
    [`/tokens/${APPID}/no_such_type`, 404, undefined],
    ['/tokens/%00/access_token', 400, undefined],
    [`/tokens/${APPID}/oauth2_access_token`, 424, 'INPUT_MISSING'],
    [`/tokens/${APPID}/oauth2_access_token?subject=new`, 404, undefined],
  ])('GET %s answers a problem document with status %i', async (path, status, code) => {
    await using world = await registered();
    const { body, headers, ...answer } = await world.ask(path);
    expect(answer.status).toBe(status);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ status, detail: expect.any(String), ...(code === undefined ? {} : { code }) });
  });

  test('a failure of WeChat is answered with its errcode and Retry-After', async () => {
    await using world = await registered();
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'the secret is wrong', { errcode: 40125 });
    const { status, body, headers } = await world.ask(TOKEN);
    expect([status, body]).toMatchObject([502, { code: 'UPSTREAM_REJECTED', errcode: 40125 }]);
    expect(Number(headers.get('retry-after'))).toBe(600);
  });
});

test('a client that may read cannot have tokens fetched for made-up subjects', async () => {
  await using world = await registered();
  await world.ask(TOKEN);
  for (let name = 0; name < 10; name++) expect((await world.ask(`${TOKEN}?subject=x${name}`)).status).toBe(404);
  expect(world.wechat.calls).toBe(1);
});

describe('POST /tokens/:appid/:type/refresh', () => {
  test('POST refresh replaces the token and answers like GET', async () => {
    await using world = await registered();
    await world.ask(TOKEN);
    const { body } = await world.ask(`${TOKEN}/refresh`, { body: { stale: 'token-1' } });
    expect(body).toMatchObject({ value: 'token-2', expires_in: 7_200 });
  });

  test.each(['', '{}', '{"stale":7}', '{"force":false}', '{"force":true,"stale":"x"}'])(
    'POST refresh answers 400 for the body %s',
    async (body) => {
      await using world = await registered();
      expect((await world.ask(`${TOKEN}/refresh`, { method: 'POST', body })).status).toBe(400);
    },
  );
});

test.each([
  ['*', 304],
  ['"1", TAG', 304],
  ['W/TAG', 304],
  ['"1"', 200],
  ['', 200],
])('If-None-Match %s is answered with %i', async (header, status) => {
  await using world = await registered();
  const etag = (await world.ask(TOKEN)).headers.get('etag') as string;
  const headers = { 'If-None-Match': header.replace('TAG', etag) };
  expect((await world.ask(TOKEN, { headers })).status).toBe(status);
});

test.each([
  ['PATCH', TOKEN, 'GET, POST, DELETE'],
  ['GET', `/apps/${APPID}`, 'PUT, DELETE'],
  ['POST', '/tokens', 'GET'],
])('%s %s is 405 and lists the allowed methods', async (method, path, allowed) => {
  await using world = await registered();
  const { status, headers } = await world.ask(path, { method });
  expect([status, headers.get('allow')]).toEqual([405, allowed]);
});

describe('POST /tokens/:appid/:type', () => {
  const USER = `/tokens/${APPID}/oauth2_access_token?subject=user`;

  test('POST stores a token from elsewhere and answers its lifetime', async () => {
    await using world = await registered();
    const { status, body } = await world.ask(TOKEN, {
      body: { value: 'theirs', expires_in: 600, refresh_token: null },
    });
    const version = world.tokens.peek(APPID, 'access_token')?.version;
    const expires_at = world.clock.now() + 600_000;
    expect([status, body]).toEqual([200, { appid: APPID, type: 'access_token', expires_in: 600, expires_at, version }]);
    expect(await world.tokens.get(APPID, 'access_token')).toBe('theirs');
  });

  test('POST stores the grant of a user with its refresh token', async () => {
    await using world = await registered();
    const obtained_at = world.clock.now() - 1_000;
    const refresh = { refresh_token: 'refresh-1', refresh_token_expires_in: 2_592_000 };
    const grant = { value: 'user-1', expires_in: 7_200, obtained_at, scope: 'snsapi_userinfo', ...refresh };
    expect((await world.ask(USER, { body: grant })).status).toBe(200);
    const record = await world.tokens.getRecord(APPID, 'oauth2_access_token', { subject: 'user' });
    expect(record).toMatchObject({ value: 'user-1', obtainedAt: obtained_at, expiresAt: obtained_at + 7_200_000 });
    const [document] = await world.store.get([`key/${APPID}/oauth2_access_token/user`]);
    expect(document?.data).toMatchObject({
      grant: { scope: 'snsapi_userinfo' },
      rotation: { token: 'refresh-1', expiresAt: obtained_at + 2_592_000_000 },
    });
  });

  test('POST of an older token answers the expiry of the newer current one', async () => {
    await using world = await registered();
    await world.ask(TOKEN);
    const obtained_at = world.clock.now() - 60_000;
    const { body } = await world.ask(TOKEN, { body: { value: 'older', expires_in: 600, obtained_at } });
    expect(body).toMatchObject({ expires_in: 7_200 });
    expect(await world.tokens.get(APPID, 'access_token')).toBe('token-1');
  });

  test.each([
    [{ value: 'v' }, 'expires_in must be 1 to 31536000, got none'],
    [{ value: 'CANARY', expires_in: 0 }, 'expires_in must be 1 to 31536000, got 0'],
    [{ expires_in: 60 }, "a grant's value must be a non-empty string, got undefined"],
    [{ value: 'CANARY\n', expires_in: 60 }, 'value'],
    [{ value: 'v', expires_in: 60, obtained_at: 'CANARY' }, 'obtained_at must be epoch milliseconds'],
    [{ value: 'v', expires_in: 60, refresh_token: 7 }, 'refresh_token must be a string'],
    [
      { value: 'v', expires_in: 60, refresh_token: 'CANARY', refresh_token_expires_in: 0 },
      'refresh_token_expires_in must',
    ],
    [
      { value: 'v', expires_in: 60, refreshtoken: 'CANARY' },
      'a grant may contain value, scope, obtained_at, refresh_token',
    ],
    ['[]', 'the body must be a JSON object'],
  ])('POST refuses a malformed grant and names its members as the body does: %#', async (body, detail) => {
    await using world = await registered();
    const answered = await world.ask(TOKEN, { body });
    expect(answered).toMatchObject({ status: 400, body: { detail: expect.stringContaining(detail) } });
    expect(JSON.stringify(answered.body)).not.toMatch(/CANARY|InSeconds|[a-z]Token\b/);
    expect(world.tokens.peek(APPID, 'access_token')).toBeUndefined();
  });

  test('POST answers 404 for an unknown app or type', async () => {
    await using world = await registered();
    const body = { value: 'v', expires_in: 60 };
    expect(await world.ask('/tokens/unknown/access_token', { body })).toMatchObject({
      status: 404,
      body: { code: 'NOT_REGISTERED' },
    });
    expect((await world.ask(`/tokens/${APPID}/no_such_type`, { body })).status).toBe(404);
  });
});

describe('DELETE /tokens/:appid/:type', () => {
  test('DELETE removes one task and its token, and leaves the others', async () => {
    await using world = await registered();
    const put = { method: 'PUT', body: { tasks: ['access_token', { type: 'jsapi_ticket', subject: 'a/b' }] } };
    await world.ask(`/apps/${APPID}`, put);
    const ticket = `/tokens/${APPID}/jsapi_ticket?subject=${encodeURIComponent('a/b')}`;
    expect((await world.ask(ticket, { method: 'DELETE' })).status).toBe(204);
    expect(world.tokens.hasTask(APPID, 'jsapi_ticket', { subject: 'a/b' })).toBe(false);
    expect(world.tokens.hasTask(APPID, 'access_token')).toBe(true);
    expect((await world.ask(ticket, { method: 'DELETE' })).status).toBe(204);
  });

  test('DELETE of an unknown type is 404', async () => {
    await using world = await registered();
    expect((await world.ask(`/tokens/${APPID}/no_such`, { method: 'DELETE' })).status).toBe(404);
  });
});

describe('PUT and DELETE /apps/:appid', () => {
  test('PUT removes tasks that are not named, and keeps the secret when none is given', async () => {
    await using world = await registered();
    const tasks = ['jsapi_ticket', { type: 'oauth2_access_token', subject: 'openid', params: null, unknown: 1 }];
    expect((await world.ask(`/apps/${APPID}`, { method: 'PUT', body: { tasks, x: 1 } })).status).toBe(204);
    expect(world.tokens.hasTask(APPID, 'access_token')).toBe(false);
    expect(world.tokens.hasTask(APPID, 'jsapi_ticket')).toBe(true);
    expect(world.tokens.hasTask(APPID, 'oauth2_access_token', { subject: 'openid' })).toBe(true);
    await world.ask(TOKEN);
    expect(world.wechat.asked[0]?.app.secret).toBe(SECRET);
  });

  test('PUT without tasks keeps the existing ones', async () => {
    await using world = await registered();
    expect((await world.ask(`/apps/${APPID}`, { method: 'PUT', body: { secret: 'another' } })).status).toBe(204);
    expect(world.tokens.hasTask(APPID, 'access_token')).toBe(true);
  });

  test('the later of two simultaneous PUTs wins', async () => {
    await using world = await registered();
    const put = (type: string): Promise<unknown> =>
      world.ask(`/apps/${APPID}`, { method: 'PUT', body: { tasks: [type] } });
    await Promise.all([put('access_token'), put('jsapi_ticket')]);
    expect(world.tokens.hasTask(APPID, 'access_token')).toBe(false);
    expect(world.tokens.hasTask(APPID, 'jsapi_ticket')).toBe(true);
  });

  test('a PUT that takes longer than its lease fails halfway, and repeating it completes it', async () => {
    await using world = await registered();
    const users = Array.from({ length: 12 }, (_, index) => ({
      type: 'oauth2_access_token' as const,
      subject: `u${index}`,
    }));
    await world.tokens.register({ appid: APPID, tasks: users });
    const remove = world.store.delete.bind(world.store);
    world.store.delete = async (id, expected) => {
      await wait(world.clock, 1_500);
      return remove(id, expected);
    };
    const replaced = () =>
      driven(world.clock, world.ask(`/apps/${APPID}`, { method: 'PUT', body: { tasks: ['access_token'] } }));
    const first = await replaced();
    expect([first.status, (first.body as { code: string }).code]).toEqual([503, 'STORE_UNAVAILABLE']);
    const left = users.filter(({ type, subject }) => world.tokens.hasTask(APPID, type, { subject }));
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(12);
    expect((await replaced()).status).toBe(204);
    expect(users.some(({ type, subject }) => world.tokens.hasTask(APPID, type, { subject }))).toBe(false);
    expect(world.tokens.hasTask(APPID, 'access_token')).toBe(true);
  });

  test('PUT refuses params that are nested too deeply', async () => {
    await using world = await registered();
    const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const put = async (params: string): Promise<number> => {
      const body = `{"tasks":[{"type":"access_token","params":${params}}]}`;
      return (await world.ask(`/apps/${APPID}`, { method: 'PUT', body })).status;
    };
    expect([await put(deep(64)), await put(deep(65)), await put(deep(4_000))]).toEqual([204, 400, 400]);
  });

  test('DELETE removes the app', async () => {
    await using world = await registered();
    expect((await world.ask(`/apps/${APPID}`, { method: 'DELETE' })).status).toBe(204);
    expect((await world.ask(TOKEN)).status).toBe(404);
  });

  test.each([
    ['{}', 'x'.repeat(65), 400],
    ['{"tasks":{}}', APPID, 400],
    ['{"tasks":[7]}', APPID, 400],
    ['{"tasks":["no_such_type"]}', APPID, 400],
    ['{"secret":""}', APPID, 400],
    ['{"secret":"CANARY\\n"}', APPID, 400],
    ['{"secret":"\\"CANARY\\""}', APPID, 400],
    ['{"tasks":[{"type":"access_token","params":{"refresh_token":" CANARY"}}]}', APPID, 400],
    ['[', APPID, 400],
    ['', APPID, 400],
  ])('PUT %s for %s is %i and changes nothing', async (body, appid, status) => {
    await using world = await registered();
    const answer = await world.ask(`/apps/${appid}`, { method: 'PUT', body });
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).not.toContain('CANARY');
    expect(world.tokens.hasTask(APPID, 'access_token')).toBe(true);
  });
});

describe('GET /tokens', () => {
  test('GET /tokens reads four lists at once, and lets the others wait', async () => {
    await using world = await registered();
    let underWay = 0;
    let most = 0;
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(world.tokens, 'status').mockImplementation(async function* () {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      yield* [];
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.ask('/tokens')));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(most).toBe(4);
  });

  test('GET /tokens lists tasks a page at a time, without values', async () => {
    await using world = await registered();
    await world.tokens.register({ appid: 'wx-b', secret: SECRET, tasks: ['access_token', 'jsapi_ticket'] });
    await world.ask(TOKEN);
    const first = (await world.ask('/tokens?limit=2')).body as { tasks: object[]; after: string };
    expect(first.tasks).toHaveLength(2);
    const second = (await world.ask(`/tokens?limit=2&after=${encodeURIComponent(first.after)}`)).body as typeof first;
    expect(second).toMatchObject({ tasks: [expect.anything()] });
    expect(second.after).toBeUndefined();
    expect(JSON.stringify([first, second])).not.toMatch(/token-\d|CANARY/);
    expect((await world.ask(`/tokens?appid=${APPID}`)).body).toMatchObject({
      tasks: [{ appid: APPID, state: 'fresh' }],
    });
  });

  test.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=-1',
    'after=nonsense',
    'after=wx1/',
    'after=/a',
    'after=wx1/a/%C3%A9',
    'after=wx1/a/b/c',
    'type=access_token',
    'appid=%00',
  ])('GET /tokens?%s is 400', async (query) => {
    await using world = await registered();
    expect((await world.ask(`/tokens?${query}`)).status).toBe(400);
  });
});

describe('health', () => {
  test('a running server is alive and ready', async () => {
    await using world = await registered();
    expect(await world.ask('/healthz')).toMatchObject({ status: 200, body: { status: 'alive' } });
    expect(await world.ask('/readyz')).toMatchObject({ status: 200, body: { tasks: { total: 1, troubled: 0 } } });
  });

  test('troubled tasks are counted, and the server stays ready', async () => {
    await using world = await registered();
    world.wechat.always = new TokenError('UPSTREAM_REJECTED', 'the secret is wrong', { errcode: 40125 });
    await world.ask(TOKEN);
    expect(await world.ask('/readyz')).toMatchObject({ status: 200, body: { tasks: { total: 1, troubled: 1 } } });
  });

  test('a closed server is not ready, but alive', async () => {
    await using world = await registered();
    await world.tokens.close();
    expect((await world.ask('/readyz')).status).toBe(503);
    expect((await world.ask('/healthz')).status).toBe(200);
  });
});
