import { Readable } from 'node:stream';
import { Request as NodeFetchRequest } from 'node-fetch';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { GatewayWorld } from '../../support/worlds/gateway-world.js';
import { APPID } from '../../support/worlds/world.js';

const CALL = '/cgi-bin/user/get';
const URL = `http://tokens.test/proxy/${APPID}${CALL}`;
/** The limit of connections to a host of WeChat. */
const CONNECTIONS = 256;

/** Returns a stream of text, which the types of `Request` do not allow but its body holds all the same. */
function textStream(...pieces: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(pieces) as ReadableStream<unknown> as ReadableStream<Uint8Array>;
}

let world: GatewayWorld;
beforeAll(async () => {
  world = await GatewayWorld.start();
});
afterAll(() => world[Symbol.asyncDispose]());
beforeEach(() => {
  world.wechat.calls.length = 0;
});

test.each<[string, RequestInit]>([
  ['a header that HTTP does not allow', { headers: { accept: 'a\u0001b' } }],
  ['a length beyond all numbers', { method: 'POST', body: 'abc', headers: { 'content-length': '9'.repeat(25) } }],
])('requests of the Fetch standard with %s do not use up the connections to WeChat', async (_name, init) => {
  for (let sent = 0; sent < CONNECTIONS; sent++) await (await world.callByFetch(CALL, init)).text();
  expect((await world.callByFetch(CALL)).status).toBe(200);
});

test('a header that HTTP does not allow is answered with 400 and its name', async () => {
  const answer = await world.callByFetch(CALL, { headers: { accept: 'a\u007fb' } });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('header accept')]);
  expect(world.wechat.calls).toEqual([]);
});

test.each([
  ['of a web stream', () => new Request(URL, { method: 'POST', body: textStream('ab', 'c'), duplex: 'half' })],
  ["of node-fetch's Request", () => new NodeFetchRequest(URL, { method: 'POST', body: Readable.from(['ab', 'c']) })],
])('pieces of text %s reach WeChat as bytes, with and without a length', async (_name, requestTo) => {
  for (const length of [undefined, '3']) {
    const request = requestTo() as unknown as Request;
    request.headers.set('authorization', `Bearer ${world.key}`);
    if (length !== undefined) request.headers.set('content-length', length);
    expect((await world.fetchHandler(request)).status).toBe(200);
  }
  expect(world.wechat.calls.map(({ body, headers }) => [body, headers['content-length']])).toEqual([
    ['abc', '3'],
    ['abc', '3'],
  ]);
});

test.each([
  ['shorter', 3, '5'],
  ['longer', 5, '3'],
  ['shorter', 3, '2000000'],
  ['longer', 2_000_001, '2000000'],
])('a body that is %s than it states is answered with 400: %i bytes for %s', async (_name, bytes, length) => {
  const body = new Uint8Array(bytes);
  const answer = await world.callByFetch(CALL, { method: 'POST', body, headers: { 'content-length': length } });
  expect([answer.status, await answer.text()]).toEqual([
    400,
    expect.stringContaining('the length that Content-Length'),
  ]);
  expect(world.wechat.calls).toEqual([]);
});
