import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GatewayWorld } from '../../support/worlds/gateway-world.js';
import { APPID } from '../../support/worlds/world.js';

let world: GatewayWorld;
beforeAll(async () => {
  world = await GatewayWorld.start();
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  world.wechat.calls.length = 0;
  world.wechat.answering = (_request, response) => response.end('{"errcode":0}');
});

const PREFIX = `/proxy/${APPID}`;

/** Sends a request with the key and returns the status of the answer; `undefined` if the connection was closed instead. */
async function statusOf(
  target: string,
  { method = 'GET', headers = [], body = '' }: { method?: string; headers?: string[]; body?: string } = {},
): Promise<number | undefined> {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: tokens.test',
    `Authorization: Bearer ${world.key}`,
    'Connection: close',
    ...headers,
  ];
  const answer = await world.send(`${lines.join('\r\n')}\r\n\r\n${body}`);
  const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
  return status === undefined ? undefined : Number(status);
}

describe('targets that are not canonical', () => {
  test.each([
    ['//cgi-bin/user/get'],
    ['/cgi-bin/user/get/'],
    ['/cgi-bin//user/get'],
    ['/cgi-bin/./user'],
    ['/cgi-bin/../cgi-bin/token'],
    ['/cgi-bin/%2e%2e/token'],
    ['/cgi-bin%2ftoken'],
    ['/cgi-bin/user%00'],
    ['/cgi-bin\\token'],
    ['/@other.test/x'],
    ['/cgi-bin/a@b'],
    ['/cgi-bin/user/get;x=1'],
    ['/cgi-bin/..token'],
    ['/cgi-bin/token.'],
    ['/http://other.test/'],
    ['/cgi-bin/user/g%65t'],
    ['/cgi-bin/用户'],
    ['/cgi-bin/user/get#?a=1'],
  ])('a call of %s is answered with 400, and WeChat is not asked', async (path) => {
    expect(await statusOf(`${PREFIX}${path}`)).toBe(400);
    expect(world.wechat.calls).toEqual([]);
  });

  test.each([
    ['http://api.weixin.qq.com/cgi-bin/user/get'],
    [`http://other.test${PREFIX}/cgi-bin/user/get`],
    ['*'],
    [`${PREFIX}`],
    [`${PREFIX}/`],
    ['/proxy//cgi-bin/user/get'],
  ])('%s is no route that reaches WeChat', async (target) => {
    expect([400, 404, undefined]).toContain(await statusOf(target));
    expect(world.wechat.calls).toEqual([]);
  });

  test('the query of a call may not hold a fragment', async () => {
    expect(await statusOf(`${PREFIX}/cgi-bin/user/get?a=1#@other.test/`)).toBe(400);
    expect(world.wechat.calls).toEqual([]);
  });
});

describe('methods', () => {
  test.each(['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE'])(
    'a call by %s is answered with 405',
    async (method) => {
      expect(await statusOf(`${PREFIX}/cgi-bin/user/get`, { method })).toBe(405);
      expect(world.wechat.calls).toEqual([]);
    },
  );

  test('CONNECT closes the connection', async () => {
    expect(await statusOf('api.weixin.qq.com:443', { method: 'CONNECT' })).toBeUndefined();
    expect(world.wechat.calls).toEqual([]);
  });

  test.each(['websocket', 'h2c, websocket', 'TLS/1.0'])('an upgrade to %s is answered with 405', async (protocol) => {
    const headers = [`Upgrade: ${protocol}`];
    expect(await statusOf(`${PREFIX}/cgi-bin/user/get`, { headers })).toBe(405);
    expect(world.wechat.calls).toEqual([]);
  });

  test('an offer of HTTP/2, as Java sends it, is ignored and not forwarded', async () => {
    const headers = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAEAAEAAAAIAAAAA'];
    expect(await statusOf(`${PREFIX}/cgi-bin/user/get`, { headers })).toBe(200);
    const [call] = world.wechat.calls;
    expect(Object.keys(call?.headers ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/upgrade|http2-settings/)]),
    );
  });
});

describe('headers and bodies', () => {
  test.each([
    ['a length beside chunked', ['Content-Length: 3', 'Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'],
    ['two lengths', ['Content-Length: 3', 'Content-Length: 4'], 'abc'],
    ['a length that is no number', ['Content-Length: +3'], 'abc'],
    ['a chunked encoding that is not last', ['Transfer-Encoding: chunked, gzip'], 'abc'],
  ])('a request with %s never reaches WeChat', async (_name, headers, body) => {
    expect(await statusOf(`${PREFIX}/cgi-bin/user/get`, { method: 'POST', headers, body })).toBe(400);
    expect(world.wechat.calls).toEqual([]);
  });

  test('a body in another encoding is answered with 415', async () => {
    const headers = ['Content-Encoding: gzip', 'Content-Length: 3'];
    expect(await statusOf(`${PREFIX}/cgi-bin/user/get`, { method: 'POST', headers, body: 'abc' })).toBe(415);
    expect(world.wechat.calls).toEqual([]);
  });

  test('a chunked body reaches WeChat with its length, without which WeChat refuses it, and without its trailers', async () => {
    const headers = ['Transfer-Encoding: chunked', 'Trailer: x-secret'];
    const body = '3\r\nabc\r\n3\r\ndef\r\n0\r\nx-secret: 1\r\n\r\n';
    expect(await statusOf(`${PREFIX}/cgi-bin/media/upload`, { method: 'POST', headers, body })).toBe(200);
    const { body: arrived, headers: sent } = world.wechat.calls[0] ?? {};
    expect([arrived, sent?.['content-length'], sent?.['transfer-encoding']]).toEqual(['abcdef', '6', undefined]);
    expect(sent?.['trailer']).toBeUndefined();
  });

  test('an expectation is answered by the server and not forwarded', async () => {
    const headers = ['Expect: 100-continue', 'Content-Length: 3'];
    expect(await statusOf(`${PREFIX}/cgi-bin/user/get`, { method: 'POST', headers, body: 'abc' })).toBe(100);
    expect(world.wechat.calls[0]?.headers['expect']).toBeUndefined();
  });

  test('a body that breaks off is not forwarded', async () => {
    const socket = world.connect();
    const closed = new Promise((resolve) => socket.resume().once('close', resolve));
    socket.write(
      `POST ${PREFIX}/cgi-bin/user/get HTTP/1.1\r\nHost: tokens.test\r\nAuthorization: Bearer ${world.key}\r\nContent-Length: 9\r\n\r\nabc`,
    );
    socket.end();
    await closed;
    expect(world.wechat.calls).toEqual([]);
  });

  test('neither credentials nor addresses of the caller reach WeChat', async () => {
    const headers = [
      'Cookie: a=b',
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-Host: x',
      'Proxy-Authorization: Basic eA==',
      'Connection: content-type',
      'Referer: https://a.test/',
      'Origin: https://a.test',
      'TE: trailers',
      'Via: x',
    ];
    await statusOf(`${PREFIX}/cgi-bin/user/get`, { headers });
    const { rawHeaders = [] } = world.wechat.calls[0] ?? {};
    expect(rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())).toEqual([
      'host',
      'connection',
      'user-agent',
      'accept-encoding',
    ]);
    expect(rawHeaders.join('\n')).not.toContain('wtm_');
  });
});

test('10,000 random requests bring nothing to WeChat but what the contract allows', async () => {
  const piece = fc.constantFrom(
    'cgi-bin',
    'token',
    'TOKEN',
    'user',
    'get',
    '..',
    '.',
    '',
    '%2e%2e',
    '%2f',
    '@',
    'a.b',
    'sns',
    'component',
    'ticket',
    'clear_quota',
    '\\',
    ';',
    'stable_token',
    '_',
    '-',
  );
  const query = fc.constantFrom(
    '',
    '?',
    '?a=1',
    '?access_token=X',
    '?ACCESS%5Ftoken=X&b=2',
    '?a=%',
    '?a&&b',
    '?a=b#c',
    '?component_access_token=X',
  );
  let reached = 0;
  const allowed = /^\/[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*\?access_token=TOKEN-\d+(&[\x21-\x7e]*)?$/;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(piece, { minLength: 1, maxLength: 5 }), query), { minLength: 100, maxLength: 100 }),
      async (requests) => {
        world.wechat.calls.length = 0;
        const lines = requests.map(([segments, search], index) => {
          const end = index === requests.length - 1 ? 'Connection: close\r\n' : '';
          return `GET ${PREFIX}/${segments.join('/')}${search} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer ${world.key}\r\n${end}\r\n`;
        });
        await world.send(lines.join(''));
        reached += world.wechat.calls.length;
        for (const { url } of world.wechat.calls) {
          expect(url).toMatch(allowed);
          expect(url).not.toMatch(/X|\.\.|^\/(cgi-bin\/(token|stable_token|ticket|component)|sns)(\/|\?)|clear_quota/i);
        }
      },
    ),
    { numRuns: 100 },
  );
  expect(reached).toBeGreaterThan(0);
});
