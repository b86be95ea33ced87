import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/primitives/json.js';
import { ROUTES } from '../../../src/http/contract-routes.js';
import { createApiKey, createHandler, type HandlerOptions, type Scope } from '../../../src/http/index.js';
import type { RouteServices } from '../../../src/http/routing/route-services.js';
import { TokenError } from '../../../src/index.js';
import { type Asked, HttpWorld } from '../../support/worlds/http-world.js';
import { COMPONENT, MERCHANT, PlatformWorld, rejected } from '../../support/worlds/platform-world.js';
import { APPID, SECRET } from '../../support/worlds/world.js';

const root = new URL('../../../', import.meta.url);
const read = (file: string): string => readFileSync(fileURLToPath(new URL(file, root)), 'utf8');

interface Media {
  readonly schema: JsonObject;
  readonly example?: JsonValue;
  readonly examples?: Record<string, { readonly value: JsonValue }>;
}

interface Described {
  readonly headers?: Record<string, JsonObject>;
  readonly content?: Record<string, Media>;
}

interface Operation {
  readonly tags: readonly string[];
  readonly operationId: string;
  readonly 'x-scope': Scope | 'open';
  readonly security?: readonly Record<string, unknown>[];
  readonly requestBody?: Described;
  readonly responses: Record<string, JsonObject>;
}

const page = parse(read('docs/openapi.yaml')) as JsonObject & {
  readonly paths: Record<string, Record<string, Operation>>;
};

/** What a `$ref` leads to, or the thing itself. */
function resolved(thing: JsonObject): JsonObject {
  const { $ref } = thing;
  if (typeof $ref !== 'string') return thing;
  const found = $ref
    .slice('#/'.length)
    .split('/')
    .reduce<JsonValue | undefined>((at, name) => (isJsonObject(at) ? at[name] : undefined), page);
  if (!isJsonObject(found)) throw new Error(`${$ref} leads nowhere`);
  return found;
}

/** Keywords of a schema that say nothing of whether a value fits. */
const NOTES = new Set(['description', 'examples', 'default']);
/** Keywords by what they mean; any other is an error of the test, since it would go unchecked. */
const KEYWORDS: Readonly<Record<string, (value: JsonValue, keyword: JsonValue, schema: JsonObject) => boolean>> = {
  type: (value, types) => [types].flat().includes(typeOf(value)),
  const: (value, constant) => value === constant,
  enum: (value, values) => (values as JsonValue[]).includes(value),
  required: (value, names) => !isJsonObject(value) || (names as string[]).every((name) => Object.hasOwn(value, name)),
  // What is described is all there is, although clients have to expect more.
  properties: (value, properties) =>
    !isJsonObject(value) ||
    Object.entries(value).every(([name, each]) => {
      const schema = (properties as JsonObject)[name];
      return isJsonObject(schema) && fits(each as JsonValue, schema);
    }),
  additionalProperties: (_value, allowed) => allowed === false,
  items: (value, schema) => !Array.isArray(value) || value.every((item) => fits(item, schema as JsonObject)),
  oneOf: (value, schemas) => (schemas as JsonObject[]).filter((schema) => fits(value, schema)).length === 1,
  pattern: (value, pattern) => typeof value !== 'string' || new RegExp(pattern as string).test(value),
  minimum: (value, least) => typeof value !== 'number' || value >= (least as number),
  maximum: (value, most) => typeof value !== 'number' || value <= (most as number),
  minLength: (value, least) => typeof value !== 'string' || value.length >= (least as number),
  maxLength: (value, most) => typeof value !== 'string' || value.length <= (most as number),
};

function typeOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

function fits(value: JsonValue, given: JsonObject): boolean {
  const schema = resolved(given);
  return Object.entries(schema).every(([name, keyword]) => {
    if (NOTES.has(name)) return true;
    const check = KEYWORDS[name];
    if (check === undefined) throw new Error(`the keyword ${name} is not checked`);
    return check(value, keyword as JsonValue, schema);
  });
}

interface Named {
  /** As in `GET /tokens/{appid}/{type}`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const operations: readonly Named[] = Object.entries(page.paths).flatMap(([path, item]) =>
  Object.entries(item).flatMap(([key, operation]) => {
    const method = key.toUpperCase();
    return key === 'parameters' ? [] : [{ name: `${method} ${path}`, method, path, operation }];
  }),
);

test('openapi.yaml is valid OpenAPI 3.1 with the version of the package', async () => {
  const { valid, errors } = await new Validator().validate(page);
  expect([valid, errors]).toEqual([true, undefined]);
  expect(page).toMatchObject({ openapi: '3.1.0', info: { version: JSON.parse(read('package.json')).version } });
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each(Object.entries(ROUTES))('openapi.yaml describes every route of %s, and no other', (group, routesOf) => {
  const routes = routesOf({} as RouteServices).flatMap(({ methods = ['GET', 'POST'], path, scope, opensWithSecret }) =>
    methods.map((method) => ({
      name: `${method} ${path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}')}`,
      scope,
      opensWithSecret: opensWithSecret === true,
      isOpen: scope === 'open',
    })),
  );
  const described = operations
    .filter(({ operation }) => operation.tags.includes(group))
    .map(({ name, operation: { 'x-scope': scope, security } }) => ({
      name,
      scope,
      opensWithSecret: security?.some((scheme) => 'appSecret' in scheme) ?? false,
      isOpen: security?.length === 0,
    }));
  const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name);
  expect(described.toSorted(byName)).toEqual(routes.toSorted(byName));
});

describe('examples in openapi.yaml', () => {
  const bodies = operations.flatMap(({ name, operation: { requestBody, responses } }) => [
    ...(requestBody === undefined ? [] : [[`the body of ${name}`, requestBody] as const]),
    ...Object.entries(responses).map(
      ([status, response]) => [`${status} of ${name}`, resolved(response) as unknown as Described] as const,
    ),
  ]);
  const media = bodies.flatMap(([name, { content = {} }]) =>
    Object.entries(content).map(([type, described]) => [`${name} as ${type}`, described] as const),
  );
  test.each(media)('the examples in %s match their schema', (_name, { schema, example, examples = {} }) => {
    const values = [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)];
    expect(values.length).toBeGreaterThan(0);
    expect(values.filter((value) => !fits(value, schema))).toEqual([]);
  });
});

/** Asks, and says what of the answer is not as it is described. */
async function asDescribed(
  world: Pick<HttpWorld, 'handler'>,
  name: string,
  path: string,
  asked: Asked = {},
): Promise<number> {
  const { method = '', operation } = operations.find((each) => each.name === name) ?? {};
  if (operation === undefined) throw new Error(`${name} is not described`);
  const { body, headers } = asked;
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const sent = { method, headers: { ...headers }, ...(text === undefined ? {} : { body: text }) };
  const response = await world.handler.fetch(new Request(`http://tokens.test${path}`, sent));
  const answer = await response.text();
  const { status } = response;
  const found = operation.responses[status];
  expect(found, `${name} answers ${status}, which is not described`).toBeDefined();
  const { headers: expected = {}, content } = resolved(found as JsonObject) as unknown as Described;
  for (const [header, described] of Object.entries(expected)) {
    const { required, schema } = resolved(described);
    const value = response.headers.get(header);
    if (value === null) expect(required, `${name} answers ${status} without ${header}`).not.toBe(true);
    else expect(fits(/^\d+$/.test(value) ? Number(value) : value, schema as JsonObject), header).toBe(true);
  }
  const undescribed = ['Retry-After', 'ETag', 'WWW-Authenticate', 'Vary'].filter((header) => !(header in expected));
  expect(undescribed.filter((header) => response.headers.has(header))).toEqual([]);
  if (content === undefined) {
    expect(answer).toBe('');
    return status;
  }
  const type = response.headers.get('content-type') ?? '';
  const media = content[type] ?? content[type.replace('; charset=utf-8', '')];
  expect(media, `${name} answers ${status} as ${type}, which is not described`).toBeDefined();
  const value = type.includes('json') ? JSON.parse(answer) : answer;
  expect(fits(value, (media as Media).schema), `${name} answered ${status} with ${answer}`).toBe(true);
  return status;
}

test('a list of keys is answered as described', async () => {
  const note = { note: 'shop', appids: [APPID], perSecond: 5, expiresAt: Date.UTC(2100) };
  const { key, entry } = createApiKey({ scopes: ['read'], ...note });
  await using world = await registered({ anonymous: false, keys: [entry] });
  const headers = { Authorization: `Bearer ${key}` };
  expect(await asDescribed(world, 'GET /keys', '/keys', { headers })).toBe(200);
  const { body } = await world.ask('/keys', { headers });
  expect(body).toMatchObject({ keys: [{ ...note, lastUsedAt: expect.any(Number) }] });
});

const CONTRACTS = ['scheduler', 'wetoken', 'native', 'wechat', 'proxy', 'push'] as const;
const ALL_SCOPES: readonly Scope[] = ['read', 'refresh', 'register', 'call'];

async function registered(options: Partial<HandlerOptions> = {}): Promise<HttpWorld> {
  const world = new HttpWorld({ contracts: CONTRACTS, ...options });
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  return world;
}

function filled(path: string): string {
  return path
    .replace('{appid}', APPID)
    .replace('{authorizer}', MERCHANT)
    .replace('{type}', 'access_token')
    .replace('{path}', 'cgi-bin/user/get');
}

describe('requests without the right', () => {
  const guarded = operations.filter(({ operation }) => operation['x-scope'] !== 'open');
  test.each(guarded.map((each) => [each.name, each] as const))(
    '%s without the right is rejected as described',
    async (name, { path, method, operation }) => {
      const others = createApiKey({ scopes: ALL_SCOPES.filter((scope) => scope !== operation['x-scope']) });
      const once = createApiKey({ scopes: [...ALL_SCOPES], perSecond: 0.01 });
      await using world = await registered({ anonymous: false, keys: [others.entry, once.entry] });
      await world.tokens.put(APPID, 'jsapi_ticket', { value: 'ticket', expiresInSeconds: 7_200 });
      const statusWith = (key: string | undefined): Promise<number> => {
        const headers: Record<string, string> = key === undefined ? {} : { Authorization: `Bearer ${key}` };
        return asDescribed(world, name, filled(path), method === 'GET' ? { headers } : { headers, body: '{}' });
      };
      expect(await statusWith(undefined)).toBe(401);
      expect(await statusWith('wtm_nobody')).toBe(401);
      expect(await statusWith(others.key)).toBe(403);
      await statusWith(once.key);
      expect(await statusWith(once.key)).toBe(429);
    },
  );
});

const TOO_LARGE = `{"x":"${'x'.repeat(65_536)}"}`;
const SDK_TOKEN = `/cgi-bin/token?grant_type=client_credential&appid=${APPID}&secret=${SECRET}`;
const TOKEN = `/tokens/${APPID}/access_token`;
const failing = (code: string, facts: object = {}) => new TokenError(code, 'no', { retryAt: Date.UTC(2027), ...facts });

describe('answers as described in openapi.yaml', () => {
  test.each<[name: string, path: string, status: number, asked?: Asked]>([
    ['POST /registe', '/registe', 200, { body: { appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] } }],
    ['POST /registe', '/registe', 200, { body: { appid: APPID, appsecret: SECRET } }],
    ['POST /registe', '/registe', 200, { body: '{' }],
    ['POST /registe', '/registe', 413, { body: TOO_LARGE }],
    ['GET /task', '/task', 200],
    ['POST /task/{appid}', '/task/x', 200, { body: {} }],
    ['GET /task/{appid}/{type}', `/task/${APPID}/0`, 200],
    ['GET /task/{appid}/{type}', '/task/unknown/0', 200],
    ['POST /task/{appid}/{type}', `/task/${APPID}/0`, 200, { body: { force: true } }],
    ['POST /task/{appid}/{type}', `/task/${APPID}/0`, 413, { body: TOO_LARGE }],
    ['GET /wechat/app/create', `/wechat/app/create?appid=${APPID}&secret=${SECRET}`, 200],
    ['GET /wechat/app/create', '/wechat/app/create', 200],
    ['POST /wechat/app/create', '/wechat/app/create', 200, { body: { appid: APPID, secret: SECRET } }],
    ['POST /wechat/app/create', '/wechat/app/create', 413, { body: TOO_LARGE }],
    ['GET /{appid}/wechat/token/get', `/${APPID}/wechat/token/get`, 200],
    ['GET /{appid}/wechat/token/get', '/unknown/wechat/token/get', 200],
    ['POST /{appid}/wechat/token/refresh', `/${APPID}/wechat/token/refresh`, 200],
    ['GET /{appid}/wechat/ticket/get', `/${APPID}/wechat/ticket/get`, 200],
    ['GET /{appid}/wechat/ticket/refresh', '/unknown/wechat/ticket/refresh', 200],
    ['GET /tokens', '/tokens', 200],
    ['GET /tokens', '/tokens?limit=1', 200],
    ['GET /tokens', '/tokens?limit=0', 400],
    ['GET /tokens/{appid}/{type}', TOKEN, 200],
    ['GET /tokens/{appid}/{type}', `/tokens/${APPID}/oauth2_access_token?subject=user`, 200],
    ['GET /tokens/{appid}/{type}', '/tokens/%00/access_token', 400],
    ['GET /tokens/{appid}/{type}', '/tokens/unknown/access_token', 404],
    ['GET /tokens/{appid}/{type}', `/tokens/${APPID}/no_such_type`, 404],
    ['GET /tokens/{appid}/{type}', `/tokens/${APPID}/oauth2_access_token`, 424],
    ['POST /tokens/{appid}/{type}', TOKEN, 200, { body: { value: 'v', expires_in: 60 } }],
    ['POST /tokens/{appid}/{type}', `${TOKEN}?subject=user`, 200, { body: { value: 'v', expires_in: 60 } }],
    ['POST /tokens/{appid}/{type}', TOKEN, 400, { body: {} }],
    ['POST /tokens/{appid}/{type}', `/tokens/${APPID}/no_such_type`, 404, { body: { value: 'v', expires_in: 60 } }],
    ['POST /tokens/{appid}/{type}', '/tokens/unknown/access_token', 404, { body: { value: 'v', expires_in: 60 } }],
    ['POST /tokens/{appid}/{type}', TOKEN, 413, { body: TOO_LARGE }],
    ['DELETE /tokens/{appid}/{type}', TOKEN, 204],
    ['DELETE /tokens/{appid}/{type}', '/tokens/%00/access_token', 400],
    ['DELETE /tokens/{appid}/{type}', `/tokens/${APPID}/no_such_type`, 404],
    ['POST /tokens/{appid}/{type}/refresh', `${TOKEN}/refresh`, 200, { body: { force: true } }],
    ['POST /tokens/{appid}/{type}/refresh', `${TOKEN}/refresh`, 400, { body: {} }],
    ['POST /tokens/{appid}/{type}/refresh', '/tokens/unknown/access_token/refresh', 404, { body: { stale: 'x' } }],
    ['POST /tokens/{appid}/{type}/refresh', `${TOKEN}/refresh`, 413, { body: TOO_LARGE }],
    ['PUT /apps/{appid}', `/apps/${APPID}`, 204, { body: { tasks: ['access_token'] } }],
    ['PUT /apps/{appid}', `/apps/${APPID}`, 400, { body: '[' }],
    ['PUT /apps/{appid}', `/apps/${APPID}`, 413, { body: TOO_LARGE }],
    ['DELETE /apps/{appid}', `/apps/${APPID}`, 204],
    ['DELETE /apps/{appid}', '/apps/%00', 400],
    ['DELETE /apps/{appid}', `/apps/${APPID}?authorizers=keep`, 400],
    ['GET /platform/{appid}/authorizers', `/platform/${APPID}/authorizers?limit=1`, 200],
    ['GET /platform/{appid}/authorizers', `/platform/${APPID}/authorizers?limit=0`, 400],
    ['GET /platform/{appid}/authorizers', '/platform/unknown/authorizers', 404],
    ['GET /platform/{appid}/authorizers/{authorizer}', `/platform/${APPID}/authorizers/${MERCHANT}`, 404],
    ['GET /platform/{appid}/authorizers/{authorizer}', `/platform/${APPID}/authorizers/%00`, 400],
    ['POST /platform/{appid}/recover', `/platform/${APPID}/recover`, 424],
    ['POST /platform/{appid}/recover', '/platform/unknown/recover', 404],
    ['POST /platform/{appid}/recover', '/platform/%00/recover', 400],
    ['GET /platform/{appid}/recover', `/platform/${APPID}/recover`, 404],
    ['GET /platform/{appid}/recover', `/platform/${APPID}/recover?wait=26`, 400],
    ['GET /healthz', '/healthz', 200],
    ['GET /readyz', '/readyz', 200],
    ['GET /keys', '/keys', 200],
    ['GET /metrics', '/metrics', 200],
    ['GET /metrics', '/metrics', 200, { headers: { Accept: 'application/openmetrics-text' } }],
    ['GET /', '/', 200],
    ['GET /cgi-bin/token', SDK_TOKEN, 200],
    ['POST /cgi-bin/token', `${SDK_TOKEN}-wrong`, 200],
    ['POST /cgi-bin/stable_token', SDK_TOKEN.replace('token', 'stable_token'), 200, { body: {} }],
    ['POST /cgi-bin/stable_token', '/cgi-bin/stable_token', 200, { body: { grant_type: 'client_credential' } }],
    ['POST /cgi-bin/stable_token', '/cgi-bin/stable_token', 200, { body: TOO_LARGE }],
    ['GET /cgi-bin/ticket/getticket', '/cgi-bin/ticket/getticket?access_token=x&type=jsapi', 200],
    ['POST /cgi-bin/component/api_component_token', '/cgi-bin/component/api_component_token', 200, { body: {} }],
    ['POST /cgi-bin/component/api_authorizer_token', '/cgi-bin/component/api_authorizer_token', 200, { body: {} }],
    ['GET /{path}', '/cgi-bin/user/get?access_token=x', 200],
    ['POST /{path}', '/cgi-bin/user/get?access_token=x', 200, { body: {} }],
    ['GET /proxy/{appid}/{path}', `/proxy/${APPID}/cgi-bin/user/get`, 403],
  ])('%s answers %s with %i as described', async (name, path, status, asked) => {
    await using world = await registered();
    const tasks = [{ type: 'oauth2_access_token', subject: 'user' }] as const;
    await world.tokens.register({ appid: APPID, tasks });
    await world.tokens.put(APPID, 'oauth2_access_token', { value: 'v', expiresInSeconds: 60 }, { subject: 'user' });
    await world.tokens.put(APPID, 'jsapi_ticket', { value: 'ticket', expiresInSeconds: 7_200 });
    expect(await asDescribed(world, name, path, asked)).toBe(status);
  });

  test('the authorizers of a platform, their recovery and the refusal to unregister it are answered as described', async () => {
    await using platform = new PlatformWorld();
    const { tokens, receiver } = await platform.receiving();
    const handler = createHandler(tokens, { anonymous: true, contracts: CONTRACTS, push: receiver });
    const asks = (name: string, path: string): Promise<number> => asDescribed({ handler }, name, path);
    platform.platform.refreshTokens.set(MERCHANT, 'refresh');
    platform.platform.info = { nick_name: 'Shop', user_name: 'gh_1' };
    const path = `/platform/${COMPONENT}`;
    expect(await asks('POST /platform/{appid}/recover', `${path}/recover`)).toBe(200);
    expect(await asks('GET /platform/{appid}/recover', `${path}/recover`)).toBe(200);
    const one = 'GET /platform/{appid}/authorizers/{authorizer}';
    expect(await asks(one, `${path}/authorizers/${MERCHANT}`)).toBe(200);
    expect(await asks('GET /platform/{appid}/authorizers', `${path}/authorizers`)).toBe(200);
    expect(await asks('DELETE /apps/{appid}', `/apps/${COMPONENT}`)).toBe(409);
    platform.platform.failures.set('api_get_authorizer_list', rejected(48_001));
    expect(await asks('POST /platform/{appid}/recover', `${path}/recover`)).toBe(502);
    expect(await asks('GET /platform/{appid}/recover', `${path}/recover`)).toBe(200);
    expect(await asks('DELETE /apps/{appid}', `/apps/${COMPONENT}?authorizers=delete`)).toBe(204);
  });

  test('a token that the client has already is answered as described', async () => {
    await using world = await registered();
    const { version } = await world.tokens.getRecord(APPID, 'access_token');
    const headers = { 'If-None-Match': `"${version}"` };
    expect(await asDescribed(world, 'GET /tokens/{appid}/{type}', TOKEN, { headers })).toBe(304);
  });

  test.each([
    [failing('REAUTHORIZATION_REQUIRED', { errcode: 42002 }), 409],
    [failing('INPUT_MISSING'), 424],
    [failing('QUOTA_EXHAUSTED', { errcode: 45009 }), 429],
    [failing('SOMETHING_OF_ITS_OWN'), 500],
    [failing('UPSTREAM_REJECTED', { errcode: 40164, ip: '1.2.3.4', rid: 'r-1', errmsg: 'no' }), 502],
    [failing('UPSTREAM_UNAVAILABLE'), 503],
    [failing('TIMEOUT'), 504],
  ])('a token that fails with %s is answered with %i as described', async (error, status) => {
    await using world = await registered({ onError: () => {} });
    world.wechat.always = error;
    expect(await asDescribed(world, 'GET /tokens/{appid}/{type}', TOKEN)).toBe(status);
    expect(await asDescribed(world, 'GET /task/{appid}/{type}', `/task/${APPID}/0`)).toBe(200);
    expect(await asDescribed(world, 'GET /{appid}/wechat/token/get', `/${APPID}/wechat/token/get`)).toBe(200);
    expect(await asDescribed(world, 'GET /tokens', '/tokens')).toBe(200);
    const order = { body: { force: true } };
    expect(await asDescribed(world, 'POST /tokens/{appid}/{type}/refresh', `${TOKEN}/refresh`, order)).toBe(status);
  });

  test('a closing server answers as described', async () => {
    await using world = await registered();
    await world.tokens.close();
    const statusOf = (name: string, asked?: Asked): Promise<number> =>
      asDescribed(world, name, filled(name.split(' ')[1] ?? ''), asked);
    expect(await statusOf('GET /tokens')).toBe(503);
    expect(await statusOf('GET /tokens/{appid}/{type}')).toBe(503);
    expect(await statusOf('POST /tokens/{appid}/{type}', { body: { value: 'v', expires_in: 60 } })).toBe(503);
    expect(await statusOf('DELETE /tokens/{appid}/{type}')).toBe(503);
    expect(await statusOf('POST /tokens/{appid}/{type}/refresh', { body: { force: true } })).toBe(503);
    expect(await statusOf('PUT /apps/{appid}', { body: {} })).toBe(503);
    expect(await statusOf('DELETE /apps/{appid}')).toBe(503);
    expect(await statusOf('GET /metrics')).toBe(503);
    expect(await statusOf('GET /readyz')).toBe(503);
    expect(await statusOf('GET /healthz')).toBe(200);
  });
});
