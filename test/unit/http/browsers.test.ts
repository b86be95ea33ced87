import { describe, expect, test } from 'vitest';
import { createApiKey, type HandlerOptions } from '../../../src/http/index.js';
import { type Answered, HttpWorld, TASK } from '../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../support/worlds/world.js';

type Headers = Readonly<Record<string, string>>;

const CONTRACTS = ['scheduler', 'wetoken', 'native'] as const;
const TRUSTED_PEER = '10.0.0.7';
const HOST = 'tokens.corp';
const { entry, key } = createApiKey({ scopes: ['read', 'refresh', 'register'] });

/** The ways in which a server may let in what brings no key. */
const OPEN_MODES: readonly [string, Partial<HandlerOptions>][] = [
  ['anonymous', { anonymous: true }],
  ['trust', { anonymous: false, trust: ['10.0.0.0/8'] }],
  ['keys and trust', { anonymous: false, keys: [entry], trust: ['10.0.0.0/8'] }],
];

const CHROMIUM = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0',
  'accept-language': 'en-US,en;q=0.9',
};
const IMAGE = { ...CHROMIUM, accept: 'image/avif,image/webp,*/*;q=0.8' };

/** The headers that Hutool's `HttpUtil` sends by default. */
const HUTOOL = {
  accept: 'text/html,application/json,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-encoding': 'gzip, deflate',
  'accept-language': 'zh-CN,zh;q=0.8',
  'user-agent':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/75.0.3770.142 Safari/537.36 Hutool',
};

async function registered(options: Partial<HandlerOptions>): Promise<HttpWorld> {
  const world = new HttpWorld({ contracts: CONTRACTS, ...options });
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token', 'jsapi_ticket'] });
  return world;
}

interface Sent {
  readonly headers: Headers;
  readonly host?: string;
  readonly method?: string;
  readonly body?: object;
}

const CREATE = `/wechat/app/create?appid=${APPID}&secret=replaced-by-a-page`;

function send(world: HttpWorld, path: string, { headers, host = HOST, method, body }: Sent): Promise<Answered> {
  return world.ask(path, {
    headers: { host, ...headers },
    peer: TRUSTED_PEER,
    ...(method !== undefined && { method }),
    ...(body !== undefined && { body }),
  });
}

describe.each(OPEN_MODES)('a server with %s', (_mode, options) => {
  test.each<[what: string, headers: Headers]>([
    ['Node', { 'user-agent': 'node', 'accept-language': '*', 'sec-fetch-mode': 'cors' }],
    ['Java', { 'user-agent': 'Java/17' }],
    ['a program that passes for a browser', { 'user-agent': 'Mozilla/4.0 (compatible; MSIE 5.01; Windows NT 5.0)' }],
    ['a program that names a language', { 'accept-language': 'zh-CN' }],
    ['Hutool', HUTOOL],
    ['a program without headers', {}],
  ])('%s reads and registers under any host name', async (_what, headers) => {
    await using world = await registered(options);
    const app = { appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] };
    expect((await send(world, TASK, { headers })).body).toMatchObject({ code: 200 });
    expect((await send(world, '/registe', { headers, body: app })).body).toMatchObject({ code: 200 });
  });

  test('a request without a key has to use the host name once one is set', async () => {
    await using world = await registered({ ...options, hostNames: [HOST] });
    const headers = { 'user-agent': 'Java/17' };
    const statusOf = async (host: string): Promise<number> => (await send(world, TASK, { headers, host })).status;
    expect(await statusOf(`${HOST}:9001`)).toBe(200);
    expect(await statusOf('10.0.0.5:9001')).toBe(200);
    expect(await statusOf('localhost:9001')).toBe(200);
    expect(await statusOf('evil.example:9001')).toBe(403);
  });

  const marks: [string, Headers][] = [
    ['Sec-Fetch-Site', { 'sec-fetch-site': 'same-origin' }],
    ['Origin', { origin: `http://${HOST}` }],
    ['an agent and a language', CHROMIUM],
    ['the agent of a library and Origin', { ...HUTOOL, origin: 'http://evil.example' }],
    ['the agent of a library and Sec-Fetch-Site', { ...HUTOOL, 'sec-fetch-site': 'cross-site' }],
    ['an agent and an upgrade', { 'user-agent': 'Mozilla/5.0', 'upgrade-insecure-requests': '1' }],
    ["the page's own header and an agent", { ...CHROMIUM, 'x-wechat-tokens-page': '1' }],
  ];

  test.each(marks)('a browser with %s is refused under a host name that was not set', async (_what, headers) => {
    await using world = await registered(options);
    const { status, body } = await send(world, '/tokens', { headers });
    expect([status, body]).toEqual([403, expect.objectContaining({ detail: expect.stringContaining('--host-name') })]);
  });

  const CROSS_SITE = { 'sec-fetch-site': 'cross-site' };
  const NAVIGATION = { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' };
  const OWN: Headers = { 'sec-fetch-site': 'same-origin' };
  const OWN_PAGE: Headers = { ...CHROMIUM, 'x-wechat-tokens-page': '1' };
  const REFRESH = `/tokens/${APPID}/access_token/refresh`;

  test.each<[what: string, path: string, sent: Sent, status: number]>([
    ['a page of this server reads', '/tokens', { headers: OWN }, 200],
    ['a page of this server registers', '/registe', { headers: OWN, body: { appid: APPID, appsecret: SECRET } }, 200],
    ['a page of this server, by its origin', '/tokens', { headers: { origin: `http://${HOST}` } }, 200],
    ['a page of this server behind TLS, by its origin', '/tokens', { headers: { origin: `https://${HOST}` } }, 200],
    ['the status page over plain HTTP', '/tokens', { headers: OWN_PAGE }, 200],
    ['a page of another site', '/tokens', { headers: CROSS_SITE }, 403],
    ['a page of the same site', '/tokens', { headers: { 'sec-fetch-site': 'same-site' } }, 403],
    ['a page of another site with its own header', '/tokens', { headers: { ...OWN_PAGE, ...CROSS_SITE } }, 403],
    ['a page of another origin', '/tokens', { headers: { origin: 'http://evil.example' } }, 403],
    ['a page of another port', '/tokens', { headers: { origin: `http://${HOST}:8080` } }, 403],
    ['a page without an origin', '/tokens', { headers: { origin: 'null' } }, 403],
    [
      'another origin with the header of the page',
      '/tokens',
      { headers: { ...OWN_PAGE, origin: 'http://a.test' } },
      403,
    ],
    ['an address that was typed in', '/tokens', { headers: NAVIGATION }, 200],
    ['an address that was typed in reads a token', TASK, { headers: NAVIGATION }, 200],
    ['an address that was typed in and creates', CREATE, { headers: NAVIGATION }, 403],
    ['an address that was typed in and refreshes', `/${APPID}/wechat/token/refresh`, { headers: NAVIGATION }, 403],
    ['an address that was typed in and refreshes', `/${APPID}/wechat/ticket/refresh`, { headers: NAVIGATION }, 403],
    ['what was typed in, with a body', TASK, { headers: NAVIGATION, body: { force: true } }, 403],
    ['a prefetch by the rules of a page', '/tokens', { headers: { ...NAVIGATION, 'sec-purpose': 'prefetch' } }, 403],
    [
      'a page made ready by those rules',
      TASK,
      { headers: { ...NAVIGATION, 'sec-purpose': 'prefetch;prerender' } },
      403,
    ],
    ['what is no navigation', '/tokens', { headers: { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'no-cors' } }, 403],
    ['an image over plain HTTP', CREATE, { headers: IMAGE }, 403],
    ['an image over plain HTTP that reads', `/${APPID}/wechat/token/get`, { headers: IMAGE }, 403],
    ['a link over plain HTTP', '/tokens', { headers: { ...CHROMIUM, 'upgrade-insecure-requests': '1' } }, 403],
    ['a form', '/registe', { headers: { ...CHROMIUM, origin: 'null' }, body: { appid: APPID } }, 403],
    ['a script that refreshes', REFRESH, { headers: CROSS_SITE, body: { force: true } }, 403],
    ['a script that deletes', `/apps/${APPID}`, { headers: CROSS_SITE, method: 'DELETE' }, 403],
    ['a preflight', '/tokens', { headers: { ...CROSS_SITE, origin: 'http://a.test' }, method: 'OPTIONS' }, 405],
    ['health, for any page', '/healthz', { headers: CROSS_SITE }, 200],
    ['the status page itself, for any page', '/', { headers: CROSS_SITE }, 200],
  ])('%s: the request to %s with %j gets %i', async (_what, path, sent, status) => {
    await using world = await registered({ ...options, hostNames: [HOST] });
    expect((await send(world, path, sent)).status).toBe(status);
    // No secret was replaced: the old one still opens the app.
    const opened = await world.ask(`/${APPID}/wechat/token/get?secret=${SECRET}`, { peer: '203.0.113.9' });
    expect(opened.status === 403 || (opened.body as { errcode?: number }).errcode === 0).toBe(true);
  });

  test('a preflight is not allowed by any header on a route that takes any method', async () => {
    await using world = await registered(options);
    const { status, headers } = await send(world, TASK, { headers: { origin: 'http://a.test' }, method: 'OPTIONS' });
    expect(status).toBe(200);
    expect(headers.get('allow')).toBe('GET, POST, PUT, PATCH, DELETE');
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });
});

describe('a server with keys alone', () => {
  const options = { anonymous: false, keys: [entry], hostNames: [HOST] };

  test.each<[what: string, sent: Sent, status: number]>([
    ['what is no browser', { headers: {} }, 401],
    ['what is no browser, under another name', { headers: {}, host: 'evil.example' }, 401],
    ['a page of this server', { headers: { 'sec-fetch-site': 'same-origin' } }, 401],
    ['a page of another site', { headers: { 'sec-fetch-site': 'cross-site' } }, 403],
    ['a browser under another name', { headers: CHROMIUM, host: 'evil.example' }, 403],
  ])('%s is refused without a key', async (_what, sent, status) => {
    await using world = await registered(options);
    expect((await send(world, '/tokens', sent)).status).toBe(status);
  });

  test('a key admits a request from a page of any origin', async () => {
    await using world = await registered(options);
    const headers = { 'sec-fetch-site': 'cross-site', origin: 'http://evil.example', authorization: `Bearer ${key}` };
    expect((await send(world, '/tokens', { headers, host: 'evil.example' })).status).toBe(200);
  });

  test('the right secret of an app opens its routes without a key', async () => {
    await using world = await registered(options);
    const answer = await send(world, `/${APPID}/wechat/token/get?secret=${SECRET}`, { headers: IMAGE });
    expect(answer.body).toMatchObject({ errcode: 0 });
    const created = await send(world, `${CREATE}&token=${SECRET}`, { headers: IMAGE });
    expect(created.status).toBe(403);
  });

  test.each([HOST, 'evil.example'])('the status page asks for a key under the name %s', async (host) => {
    await using world = await registered(options);
    const { body } = await send(world, '/', { headers: { ...CHROMIUM }, host });
    expect(body).toContain('data-access="key"');
  });
});

test('an open server refuses the page of a rebound name whatever headers it sends', async () => {
  await using world = await registered({ anonymous: true });
  const headers = { ...CHROMIUM, authorization: `Bearer ${key}`, 'x-wechat-tokens-page': '1' };
  expect((await send(world, '/tokens', { headers, host: 'evil.example' })).status).toBe(403);
});

test('the status page of an open server does not ask for a key', async () => {
  await using world = await registered({ anonymous: true });
  const { body } = await send(world, '/', { headers: CHROMIUM, host: 'evil.example' });
  expect(body).toContain('data-access="open"');
});

test.each([TASK, '/tokens', '/healthz', '/', '/metrics', '/no-such-route', '/registe', `/tokens/${APPID}/none`])(
  'a page of another origin cannot read the answer of %s',
  async (path) => {
    for (const options of [{ anonymous: true }, { anonymous: false, keys: [entry] }]) {
      await using world = await registered(options);
      const { headers } = await send(world, path, { headers: {} });
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  },
);
