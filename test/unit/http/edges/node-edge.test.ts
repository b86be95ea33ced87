import { once } from 'node:events';
import { createServer, request as httpRequest, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, Socket } from 'node:net';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import { afterEach, describe, expect, test } from 'vitest';
import { createApiKey, type Handler } from '../../../../src/http/index.js';
import { HttpWorld } from '../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const APP = { appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] };

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** How hosts mount it: what they do with bodies, and which prefix they take away. */
const HOSTS: Readonly<Record<string, (handler: Handler) => Promise<string>>> = {
  'node:http': (handler) => listen(createServer(handler.node)),
  'Express 5': (handler) => listen(createServer(express().use(handler.node))),
  'Express 5 with its JSON parser': (handler) => listen(createServer(express().use(express.json()).use(handler.node))),
  'Express 5 below a path': async (handler) =>
    `${await listen(createServer(express().use('/wechat', express.text({ type: '*/*' }), handler.node)))}/wechat`,
  'Koa 2': (handler) => {
    const app = new Koa();
    app.use((context) => {
      context.respond = false;
      handler.node(context.req, context.res);
    });
    return listen(createServer(app.callback()));
  },
  'Fastify 5, which parses bodies': async (handler) => {
    const app = fastify();
    app.all('/*', (request, reply) => {
      reply.hijack();
      handler.node(Object.assign(request.raw, { body: request.body }), reply.raw);
    });
    closing.push(() => app.close());
    return app.listen({ port: 0, host: '127.0.0.1' });
  },
};

function post(url: string, body: object | string): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: text });
}

describe.each(Object.keys(HOSTS))('the handler in %s', (name) => {
  test('an app is registered and its token is read', async () => {
    await using world = new HttpWorld();
    const origin = await (HOSTS[name] as (typeof HOSTS)[string])(world.handler);
    expect(await (await post(`${origin}/registe`, APP)).json()).toMatchObject({ code: 200, result: 'success' });
    const read = await fetch(`${origin}/task/${APPID}/0`);
    expect(await read.json()).toEqual({ code: 200, message: '', result: 'token-1' });
    expect(read.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect((await fetch(`${origin}/elsewhere`)).status).toBe(404);
  });
});

test('a request for another route goes to the next handler', async () => {
  await using world = new HttpWorld();
  const app = express()
    .use(world.handler.node)
    .get('/own', (_request, response) => void response.send('own'));
  const origin = await listen(createServer(app));
  expect(await (await fetch(`${origin}/own`)).text()).toBe('own');
});

test('routes exist only below the prefix', async () => {
  await using world = new HttpWorld({ prefix: '/wechat/tokens' });
  const origin = await listen(createServer(world.handler.node));
  expect(await (await post(`${origin}/wechat/tokens/registe`, APP)).json()).toMatchObject({ code: 200 });
  expect((await fetch(`${origin}/task/${APPID}/0`)).status).toBe(404);
  expect((await fetch(`${origin}/wechat/tokensx/task/${APPID}/0`)).status).toBe(404);
});

test('HEAD is answered like GET, without the body', async () => {
  await using world = new HttpWorld({ contracts: ['native'] });
  const origin = await listen(createServer(world.handler.node));
  const answer = await fetch(`${origin}/healthz`, { method: 'HEAD' });
  expect([answer.status, await answer.text()]).toEqual([200, '']);
});

test.each([
  ['GET', '"result":"token-1"}'],
  ['HEAD', '\r\n\r\n'],
])('the answer to %s is handed to the connection as one text, with its header', async (method, end) => {
  await using world = new HttpWorld();
  await world.registered();
  await world.tokens.get(APPID, 'access_token');
  const pieces: string[] = [];
  const connection = new Writable({
    decodeStrings: false,
    write(piece, _encoding, done) {
      pieces.push(piece);
      done();
    },
    writev(several, done) {
      pieces.push(...several.map(({ chunk }) => chunk));
      done();
    },
  });
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method, url: `/task/${APPID}/0`, complete: true });
  const response = new ServerResponse(request);
  response.assignSocket(connection as Socket);
  world.handler.node(request, response);
  await once(response, 'finish');
  expect(pieces).toEqual([expect.stringMatching(/^HTTP\/1\.1 200 OK\r\n/)]);
  expect(pieces[0]?.endsWith(end)).toBe(true);
});

test('a body that the host has consumed is a clear 400', async () => {
  await using world = new HttpWorld();
  const server = createServer((request, response) => {
    request.resume().once('end', () => world.handler.node(request, response));
  });
  const origin = await listen(server);
  const answer = (await (await post(`${origin}/registe`, APP)).json()) as { message: string };
  expect(answer.message).toBe('the body was read already, and is not available on the request');
});

test('a body is read when the host has set an encoding', async () => {
  await using world = new HttpWorld();
  const server = createServer((request, response) => world.handler.node(request.setEncoding('utf8'), response));
  const origin = await listen(server);
  expect(await (await post(`${origin}/registe`, APP)).json()).toMatchObject({ code: 200 });
});

test('a body is read when the host has paused the request', async () => {
  await using world = new HttpWorld();
  const server = createServer((request, response) => {
    request.pause();
    setImmediate(() => world.handler.node(request, response));
  });
  const origin = await listen(server);
  expect(await (await post(`${origin}/registe`, APP)).json()).toMatchObject({ code: 200 });
});

/** What hosts put before the handler. */
const PARSERS: Readonly<Record<string, readonly express.RequestHandler[]>> = {
  'no parser': [],
  'express.json()': [express.json()],
  'express.urlencoded({ extended: true })': [express.urlencoded({ extended: true })],
  'express.urlencoded({ extended: false })': [express.urlencoded({ extended: false })],
  'both parsers': [express.json(), express.urlencoded({ extended: true })],
  'express.text()': [express.text({ type: '*/*' })],
  'express.raw()': [express.raw({ type: '*/*' })],
  'a parser that leaves an empty object where it reads nothing, as in Express 4': [
    (request, _response, next) => {
      request.body = {};
      next();
    },
  ],
};

describe.each(Object.keys(PARSERS))('the handler behind %s', (name) => {
  const parsers = PARSERS[name] ?? [];

  test.each(['application/x-www-form-urlencoded', 'application/json'])('an order as %s is accepted', async (type) => {
    await using world = new HttpWorld();
    await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    const stale = await world.tokens.get(APPID, 'access_token');
    const origin = await listen(createServer(express().use(...parsers, world.handler.node)));
    const answer = await fetch(`${origin}/task/${APPID}/0`, {
      method: 'POST',
      headers: { 'Content-Type': type },
      body: JSON.stringify({ stale }),
    });
    expect(await answer.json()).toMatchObject({ code: 200, result: 'token-2' });
  });
});

test('JSON that a parser of forms has damaged is a clear 400', async () => {
  await using world = new HttpWorld();
  const app = express().use(express.urlencoded({ extended: true }), world.handler.node);
  const answer = await fetch(`${await listen(createServer(app))}/registe`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: JSON.stringify(APP),
  });
  expect(await answer.json()).toMatchObject({
    code: 400,
    message: expect.stringContaining('send it as application/json'),
  });
});

test.each([
  ['from a socket', (handler: Handler) => createServer(handler.node)],
  [
    'as bytes that the host has read',
    (handler: Handler) => createServer(express().use(express.raw({ type: '*/*' }), handler.node)),
  ],
  [
    'as text that the host has decoded',
    (handler: Handler) => createServer(express().use(express.text({ type: '*/*' }), handler.node)),
  ],
])('a secret in GBK is refused %s, and nothing is registered', async (_from, host) => {
  await using world = new HttpWorld();
  const origin = await listen(host(world.handler));
  const body = Buffer.concat([
    Buffer.from(`{"appid":"${APPID}","appsecret":"`),
    Buffer.of(0xc3, 0xdc),
    Buffer.from('"}'),
  ]);
  const answer = await fetch(`${origin}/registe`, { method: 'POST', body });
  expect(await answer.json()).toMatchObject({ code: 400, message: 'the body must be encoded in UTF-8' });
  expect(world.tokens.hasTask(APPID, 'access_token')).toBe(false);
});

test.each(["'{force:true}'", 'force: true', '"force"', '{"force":true'])(
  'the order %s behind a parser of forms is refused and not taken for a read',
  async (body) => {
    await using world = new HttpWorld();
    await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
    const app = express().use(express.urlencoded({ extended: false }), world.handler.node);
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const origin = await listen(createServer(app));
    const answer = await fetch(`${origin}/task/${APPID}/0`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ code: 400, result: null });
  },
);

test('a POST without a body reads the token, even if the host has consumed the body', async () => {
  await using world = new HttpWorld();
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  const server = createServer((request, response) => {
    request.resume().once('end', () => world.handler.node(request, response));
  });
  const origin = await listen(server);
  const answer = await fetch(`${origin}/task/${APPID}/0`, { method: 'POST' });
  expect(await answer.json()).toMatchObject({ code: 200, result: 'token-1' });
});

test('a connection stays open after a refused request without a body', async () => {
  await using world = new HttpWorld();
  const origin = await listen(createServer(world.handler.node));
  expect((await fetch(`${origin}/elsewhere`)).headers.get('connection')).toBe('keep-alive');
});

test('a body that is too large is refused before its end, and its connection is closed', async () => {
  await using world = new HttpWorld();
  const origin = await listen(createServer(world.handler.node));
  const { port } = new URL(origin);
  const sending = httpRequest({ port, host: '127.0.0.1', path: '/registe', method: 'POST' });
  sending.on('error', () => {});
  sending.write('x'.repeat(70_000));
  const [response] = await once(sending, 'response');
  expect([response.statusCode, response.headers.connection]).toEqual([413, 'close']);
  sending.destroy();
});

test('a caller that sends the whole of a body that is refused gets the answer, and no broken connection', async () => {
  await using world = new HttpWorld();
  const { port } = new URL(await listen(createServer(world.handler.node)));
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('POST /registe HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).write(Buffer.alloc(8_000_000, 'x'), () => resolve());
  });
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 .*Connection: close/s);
  expect(world.clock.pendingTimers).toBe(0);
});

test.each([
  [4_999, false],
  [5_000, true],
])(
  'a connection on which the rest of a refused body does not arrive is closed after 5 s: after %i ms it is %s',
  async (ms, isClosed) => {
    await using world = new HttpWorld();
    const { port } = new URL(await listen(createServer(world.handler.node)));
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('POST /registe HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n');
    socket.write('x'.repeat(70_000));
    expect(String((await once(socket, 'data'))[0])).toContain('413');
    const closed = once(socket, 'close');
    await world.clock.advance(ms);
    expect(world.clock.pendingTimers).toBe(isClosed ? 0 : 1);
    if (!isClosed) socket.destroy();
    await closed;
  },
);

test('a connection that is closed in the middle of a body does not affect others', async () => {
  await using world = new HttpWorld();
  const origin = await listen(createServer(world.handler.node));
  const socket = connect(Number(new URL(origin).port), '127.0.0.1');
  socket.write('POST /registe HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"app');
  await once(socket, 'connect');
  socket.destroy();
  expect((await post(`${origin}/registe`, APP)).status).toBe(200);
});

test('a Request whose body has been read is a clear 400', async () => {
  await using world = new HttpWorld();
  const request = new Request('http://x/registe', { method: 'POST', body: '{}' });
  await request.text();
  const answer = (await (await world.handler.fetch(request)).json()) as { message: string };
  expect(answer.message).toBe('the body of this Request has been read already');
});

test('a call whose body the host decodes to text is a clear 500 and does not reach WeChat', async () => {
  const { key, entry } = createApiKey({ scopes: ['call'] });
  const options = { contracts: ['proxy'], keys: [entry], anonymous: false, onError: () => {} } as const;
  await using world = new HttpWorld(options);
  const origin = await listen(
    createServer((request, response) => {
      request.setEncoding('utf8');
      world.handler.node(request, response);
    }),
  );
  const init = { method: 'POST', body: Buffer.from([0xff]), headers: { authorization: `Bearer ${key}` } };
  const answer = await fetch(`${origin}/proxy/${APPID}/cgi-bin/media/upload`, init);
  expect(await answer.json()).toMatchObject({ status: 500, detail: expect.stringContaining('has set an encoding') });
});

test.each([
  [9_999, undefined],
  [10_000, '408'],
])('a body that has not arrived after %i ms is answered with %s', async (ms, status) => {
  await using world = new HttpWorld();
  const address = new URL(await listen(createServer(world.handler.node)));
  const socket = connect(Number(address.port), address.hostname);
  const answered = once(socket, 'data').then(([chunk]) => /^HTTP\/1\.1 (\d{3})/.exec(String(chunk))?.[1]);
  const timers = world.clock.pendingTimers;
  socket.write('POST /registe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"appid":');
  await expect.poll(() => world.clock.pendingTimers).toBe(timers + 1);
  await world.clock.advance(ms);
  if (status === undefined) socket.destroy();
  else expect(await answered).toBe(status);
});
