import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { HandlerOptions } from '../../../../src/http/index.js';
import { GatewayWorld } from '../../../support/worlds/gateway-world.js';
import { HttpWorld, TASK } from '../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

/** Runs a handler that is mounted in a server of HTTP/2. */
class Http2World extends HttpWorld {
  // The types of the two requests are unrelated, although Node gives both the same members.
  readonly #server: Http2Server = createServer(this.handler.node as unknown as (request: Http2ServerRequest) => void);
  readonly #sessions: ClientHttp2Session[] = [];

  static async start(options: Partial<HandlerOptions> = {}): Promise<Http2World> {
    const world = new Http2World(options);
    world.#server.listen(0, '127.0.0.1');
    await once(world.#server, 'listening');
    world.#sessions.push(connect(`http://127.0.0.1:${(world.#server.address() as AddressInfo).port}`));
    return world;
  }

  /** Sends a request, whose body has no length unless a header gives it. */
  async send(path: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const [session] = this.#sessions as [ClientHttp2Session];
    const method = body === undefined ? 'GET' : 'POST';
    const stream = session.request({ ':path': path, ':method': method, ...headers });
    stream.end(body === undefined ? undefined : JSON.stringify(body));
    let text = '';
    for await (const piece of stream.setEncoding('utf8')) text += piece;
    return JSON.parse(text);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
    await super[Symbol.asyncDispose]();
  }
}

test('a body without a length arrives over HTTP/2', async () => {
  await using world = await Http2World.start();
  const app = { appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] };
  expect(await world.send('/registe', app)).toMatchObject({ code: 200, result: 'success' });
  expect(await world.send(TASK)).toMatchObject({ result: 'token-1' });
});

test('an order to refresh is not taken for a read over HTTP/2', async () => {
  await using world = await Http2World.start();
  await world.registered();
  await world.tokens.get(APPID, 'access_token');
  expect(await world.send(TASK, { stale: 'token-1' })).toMatchObject({ result: 'token-2' });
});

test('the host of a request over HTTP/2 is its authority', async () => {
  await using world = await Http2World.start({ contracts: ['native'], hostNames: ['tokens.example.com'] });
  const asked = { ':authority': 'tokens.example.com' };
  expect(await world.send('/tokens', undefined, asked)).toMatchObject({ tasks: [] });
  expect(await world.send('/tokens', undefined, { ':authority': 'other.example.com' })).toMatchObject({ status: 403 });
});

test('a body that is refused unread leads to no header that HTTP/2 forbids', async () => {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', note);
  await using world = await Http2World.start({ contracts: ['native'] });
  expect(await world.send('/healthz', {}, { 'content-length': '2' })).toMatchObject({ status: 405 });
  process.off('warning', note);
  expect(warnings).toEqual([]);
});

/** Starts a server of HTTP/2 in front of a recording WeChat, and begins a call. */
async function beginCall(world: GatewayWorld, headers: Readonly<Record<string, string>>): Promise<ClientHttp2Stream> {
  const server = createServer(world.handler.node as unknown as (request: Http2ServerRequest) => void);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.once('close', () => server.close());
  return session.request({ ...headers, authorization: `Bearer ${world.key}` });
}

test('an answer of WeChat that breaks in the middle is not taken for whole over HTTP/2', async () => {
  await using world = await GatewayWorld.start();
  world.wechat.answering = (_request, response) => response.write('first', () => response.destroy());
  const stream = await beginCall(world, { ':path': `/proxy/${APPID}/cgi-bin/media/get` });
  await expect(stream.toArray()).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
  stream.session?.destroy();
});

test('the stream of an upload that WeChat answers before its end is closed over HTTP/2', async () => {
  await using world = await GatewayWorld.start();
  world.wechat.onRequest = (request, response) => {
    request.once('data', () => response.end('{"errcode":40006}'));
  };
  const stream = await beginCall(world, { ':path': `/proxy/${APPID}/cgi-bin/media/upload`, ':method': 'POST' });
  stream.end(Buffer.alloc(8_000_000, 'x'));
  const closed = once(stream, 'close');
  expect(await json(stream)).toEqual({ errcode: 40006 });
  await closed;
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  stream.session?.destroy();
});
