import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { Request as NodeFetchRequest } from 'node-fetch';
import { Request as UndiciRequest } from 'undici';
import { describe, expect, test } from 'vitest';
import { HttpWorld, TASK } from '../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../support/worlds/world.js';

const APP = { appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] };
const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
const bytes = Buffer.from(JSON.stringify(APP));

describe('the fetch handler', () => {
  test.each([
    ["undici's", (url: string) => new UndiciRequest(url, { ...init, body: bytes })],
    ["node-fetch's", (url: string) => new NodeFetchRequest(url, { ...init, body: bytes })],
    [
      "node-fetch's with a stream of text",
      (url: string) => new NodeFetchRequest(url, { ...init, body: Readable.from([bytes.toString()]) }),
    ],
  ])('the fetch handler reads the body of a Request that is %s', async (_, requestTo) => {
    await using world = new HttpWorld();
    const request = requestTo('http://127.0.0.1/registe') as unknown as Request;
    const answer = await world.handler.fetch(request);
    expect(await answer.json()).toMatchObject({ code: 200, result: 'success' });
  });
});

describe('the node handler', () => {
  test.each([
    ['a Buffer', bytes],
    ['a Uint8Array of another realm', runInNewContext(`Uint8Array.from(${JSON.stringify([...bytes])})`)],
    ['an ArrayBuffer', new Uint8Array(bytes).buffer],
  ])('the node handler reads a body that the host has left as %s', async (_, rawBody) => {
    await using world = new HttpWorld();
    const server = createServer((request, response) => {
      request.resume().on('end', () => world.handler.node(Object.assign(request, { rawBody }), response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const answer = await fetch(`${origin}/registe`, { ...init, body: bytes });
    expect(await answer.json()).toMatchObject({ code: 200, result: 'success' });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

test('the fetch handler awaits promises when the global Promise was replaced', async () => {
  await using world = new HttpWorld();
  await world.tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token'] });
  const before = globalThis.Promise;
  globalThis.Promise = class Other<Result> extends before<Result> {} as PromiseConstructor;
  let answer: Response;
  try {
    answer = await world.handler.fetch(new Request(`http://127.0.0.1${TASK}`));
  } finally {
    globalThis.Promise = before;
  }
  expect(await answer.json()).toMatchObject({ code: 200 });
});
