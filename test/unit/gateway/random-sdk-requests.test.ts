import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayWorld, SECRET } from '../../support/worlds/gateway-world.js';
import type { ReachedWeChat } from '../../support/worlds/recording-wechat.js';
import { APPID } from '../../support/worlds/world.js';

/** The number of requests; more are made to look for faults, as `SDK_REQUESTS=10000 SDK_SEED=1`. */
const REQUESTS = Number(process.env['SDK_REQUESTS'] ?? 400);
const SEED = process.env['SDK_SEED'];

const FOREIGN = 'FOREIGN';
const USER = 'USER-1';

let world: GatewayWorld;
beforeAll(async () => {
  world = await GatewayWorld.start({ handler: { contracts: ['wechat'] } });
  await world.tokens.get(APPID, 'access_token');
  const grant = { access_token: USER, expires_in: 7200, openid: 'o1', ticket: 'TICKET-1' };
  world.wechat.answering = (_request, response) => response.end(JSON.stringify(grant));
  await world.tokens.get(APPID, 'jsapi_ticket');
  await world.fetch(`/sns/oauth2/access_token?appid=${APPID}&secret=${SECRET}&code=c`);
});
afterAll(() => world[Symbol.asyncDispose]());

interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly string[];
  readonly body: readonly [headers: readonly string[], bytes: string];
}

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET', 'POST') },
  { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE') },
);
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('cgi-bin', 'user', 'get', 'sns', 'a.b', '_', '-', 'Message') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('..', '.', '', '%2e%2e', '%2f', '@evil.test', '\\', ';', '#', 'g%65t', 'http:', '*'),
  },
);
const path = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '/cgi-bin/token',
      '/CGI-bin/Token',
      '/cgi-bin/stable_token',
      '/cgi-bin/stable_token/x',
      '/cgi-bin/ticket/getticket',
      '/cgi-bin/component/api_component_token',
      '/cgi-bin/component/Api_Authorizer_Token',
      '/sns/userinfo',
      '/sns/jscode2session',
      '/sns/oauth2/access_token',
      '/sns/oauth2/refresh_token',
      'http://evil.test/cgi-bin/user/get',
      '//evil.test/cgi-bin/user/get',
      '*',
    ),
  },
);
const tokenName = fc.constantFrom(
  'access_token',
  'ACCESS_TOKEN',
  'access%5Ftoken',
  'access_token%00',
  '+access_token',
  'acc%09ess_token',
  'access_token[]',
  'component_access_token',
  'authorizer_access_token',
);
const tokenValue = fc.oneof(
  { weight: 5, arbitrary: fc.constant('TOKEN-1') },
  { weight: 1, arbitrary: fc.constantFrom(FOREIGN, USER, '', 'TOKEN-1%00', 'token-1', '%FF') },
);
const appid = fc.tuple(
  fc.constantFrom('appid', 'AppId', '%61ppid', 'appid%00', 'appid[]'),
  fc.oneof({ weight: 4, arbitrary: fc.constant(APPID) }, { weight: 1, arbitrary: fc.constantFrom(FOREIGN, '') }),
);
const secret = fc.tuple(
  fc.constantFrom('secret', 'SECRET', 's%65cret', 'secret%0A'),
  fc.oneof({ weight: 4, arbitrary: fc.constant(SECRET) }, { weight: 1, arbitrary: fc.constantFrom(FOREIGN, '') }),
);
const other = fc.constantFrom('a=1', '', 'a', 'b=%', 'c=+d', 'e=%00', 'f=#x', 'g=a?b', '{}', 'type=jsapi', 'h;i=j');
const joined = ([name, value]: readonly [string, string]): string => `${name}=${value}`;
const token = fc.tuple(tokenName, tokenValue).map(joined);
const query = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.array(token, { minLength: 1, maxLength: 2 }) },
      { weight: 3, arbitrary: fc.tuple(appid.map(joined), secret.map(joined)) },
      { weight: 1, arbitrary: fc.tuple(appid.map(joined), secret.map(joined), appid.map(joined)) },
      { weight: 1, arbitrary: fc.array(fc.oneof(token, appid.map(joined), secret.map(joined)), { maxLength: 4 }) },
    ),
    fc.array(other, { maxLength: 3 }),
  )
  .chain(([credentials, others]) => fc.shuffledSubarray([...credentials, ...others], { minLength: credentials.length }))
  .map((pieces) => pieces.join('&'));
const header = fc.constantFrom(
  'Cookie: a=b',
  'Authorization: Bearer theirs',
  'X-Forwarded-For: 10.0.0.1',
  'X-Forwarded-Host: evil.test',
  'X-HTTP-Method-Override: DELETE',
  'Host: evil.test',
  'Proxy-Authorization: Basic eA==',
  'Connection: content-type',
  'Content-Type: application/json',
  'Content-Type: application/x-www-form-urlencoded',
  'Accept: */*',
  'Accept-Language: \xe4',
  'Range: bytes=0-1',
  'If-Range: x',
  'Wechatmp-Signature: c2ln',
  'Wechatmp-Other: x',
  'If-None-Match: x',
  'Upgrade: websocket',
  'Content-Encoding: gzip',
  'TE: trailers',
);
const form = `grant_type=client_credential&appid=${APPID}&secret=${SECRET}`;
const body: fc.Arbitrary<SdkRequest['body']> = fc.constantFrom<SdkRequest['body']>(
  [[], ''],
  [['Content-Length: 3'], 'abc'],
  [['Content-Length: 2'], 'abc'],
  [[`Content-Length: ${form.length}`], form],
  [['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n'],
  [['Transfer-Encoding: chunked', 'Content-Length: 3'], '3\r\nabc\r\n0\r\n\r\n'],
  [['Transfer-Encoding: xchunked'], 'abc'],
  [['Content-Length: 3', 'Content-Length: 4'], 'abc'],
);
const request: fc.Arbitrary<SdkRequest> = fc.record({
  method,
  path,
  query,
  headers: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.uniqueArray(header, { maxLength: 4 }) },
  ),
  body: fc.oneof({ weight: 2, arbitrary: fc.constant<SdkRequest['body']>([[], '']) }, { weight: 1, arbitrary: body }),
});

const CANONICAL = String.raw`(?:\/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)+`;
const PLAIN = String.raw`[\x21\x22\x24-\x7e]*`;
const BY_TOKEN = new RegExp(
  `^${CANONICAL}\\?(?:component_|authorizer_)?access_token=TOKEN-1(?:&(?!.*access_token)${PLAIN})?$`,
  'i',
);
const BY_OTHERS = new RegExp(`^${CANONICAL}\\?${PLAIN}$`);
const ANSWERED = /^\/cgi-bin\/(?:token|stable_token|component\/api_(?:component|authorizer)_token)(?:\/|$)/i;
const HEADERS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'user-agent',
  'accept-encoding',
  'content-type',
  'accept',
  'accept-language',
  'range',
  'if-range',
  'wechatmp-signature',
]);

/** Returns the reasons for which a request may not have reached WeChat; none for most. */
function faultsOf({ method, url, headers }: ReachedWeChat): readonly string[] {
  const [path = '', query = ''] = url.split('?', 2);
  const params = [...new URLSearchParams(url.slice(path.length + 1))];
  const valuesOf = (name: string): string[] =>
    params.filter(([found]) => found.replace(/\W/g, '').toLowerCase() === name).map(([, value]) => value);
  const isByToken = BY_TOKEN.test(url);
  const isByUser = /^\/sns\/(?:userinfo|auth)$/i.test(path) && params.some(([, value]) => value === USER);
  const isByPair = valuesOf('appid').join() === APPID && valuesOf('secret').join() === SECRET;
  const isRenewal = /^\/sns\/oauth2\/refresh_token$/i.test(path) && valuesOf('appid').join() === APPID;
  return [
    ...(['GET', 'POST'].includes(method) ? [] : ['the method']),
    ...(ANSWERED.test(path) ? ['a path that is answered here'] : []),
    ...(BY_OTHERS.test(url) ? [] : ['the form of the target']),
    ...(isByToken || isByUser || isByPair || isRenewal ? [] : ['no credential']),
    ...(!isByToken && /access.?_token/i.test(query) && !isByUser ? ['a token beside another credential'] : []),
    ...Object.keys(headers)
      .filter((name) => !HEADERS.has(name))
      .map((name) => `the header ${name}`),
    ...(headers.host?.startsWith('127.0.0.1:') === true && headers['accept-encoding'] === 'identity' ? [] : ['host']),
  ];
}

/** Returns the status lines and the end of what is answered. */
function send({ method, path, query, headers, body: [bodyHeaders, bytes] }: SdkRequest): Promise<string> {
  const lines = [`${method} ${path}?${query} HTTP/1.1`, 'Host: tokens.test', ...headers, ...bodyHeaders];
  return world.send(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${bytes}`);
}

test('random requests of SDKs bring nothing to WeChat but what the contract allows, and fail as WeChat does', async () => {
  const reached = { calls: 0 };
  world.wechat.answering = (_request, response) => response.end('{"errcode":0}');
  const property = fc.asyncProperty(request, async (sent) => {
    world.wechat.calls.length = 0;
    const issued = world.wechat.issued;
    const answer = await send(sent);
    const { calls } = world.wechat;
    reached.calls += calls.length;
    expect(calls.length).toBeLessThanOrEqual(1);
    expect(calls.flatMap(faultsOf)).toEqual([]);
    expect(world.wechat.issued).toBe(issued);
    // Node itself answers 400 without a body, and 404 is the answer to requests that are not for this contract.
    expect(answer).toMatch(/^HTTP\/1\.1 (?:200|404|405|400 Bad Request\r\nConnection: close\r\n\r\n$)/);
    const [head = '', content = ''] = answer.split('\r\n\r\n');
    const isHandedOut = content.startsWith('{"access_token":"TOKEN-1",');
    if (isHandedOut) expect(sent).toMatchObject({ path: expect.stringMatching(/^\/cgi-bin\/(?:stable_)?token$/) });
    else if (content !== '') expect(JSON.parse(content)).toHaveProperty(head.includes(' 404 ') ? 'status' : 'errcode');
    if (isHandedOut) expect(`${sent.query} ${sent.body[1]}`).toContain(SECRET);
    else expect(answer).not.toContain('TOKEN-1');
    expect(answer).not.toContain(SECRET);
  });
  await fc.assert(property, { numRuns: REQUESTS, ...(SEED !== undefined && { seed: Number(SEED) }) });
  expect(reached.calls).toBeGreaterThan(REQUESTS / 20);
}, 600_000);
