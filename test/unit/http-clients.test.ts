import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import axios from 'axios';
import got from 'got';
import nodeFetch from 'node-fetch';
import superagent from 'superagent';
import * as undici from 'undici';
import * as urllib from 'urllib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callWithToken } from '../../src/core/calls/call.js';
import { systemClock } from '../../src/core/concurrency/clock.js';
import { FakeClock, FakeWeChat } from '../../src/testing/index.js';
import { clientOf } from '../support/worlds/wechat-client.js';

const STALE = '{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}';
const GOOD = '{"errcode":0,"ip_list":["1.2.3.4"]}';
/** The types that WeChat labels its JSON with, and those that proxies make of them. */
const TYPES = ['application/json; encoding=utf-8', 'text/plain', 'text/html', 'application/octet-stream'] as const;

let server: Server;
let origin: string;

/** Answers `/<status>/<type>/<token>` as WeChat answers a stale token and a good one. */
beforeAll(async () => {
  server = createServer((request, response) => {
    const [, status, type, token] = (request.url ?? '').split('/');
    const isStale = token === 'old';
    const headers = { 'content-type': decodeURIComponent(type ?? '') };
    response.writeHead(isStale ? Number(status) : 200, headers).end(isStale ? STALE : GOOD);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Asks with a token and returns what came back as text; `keep` reads what a client has left unread. */
interface Way {
  readonly ask: (url: string) => Promise<unknown>;
  readonly keep?: (result: never) => Promise<string>;
}

const CLIENTS: Readonly<Record<string, Way>> = {
  fetch: { ask: (url) => fetch(url), keep: (result: Response) => result.text() },
  'fetch, a blob': { ask: async (url) => (await fetch(url)).blob(), keep: (result: Blob) => result.text() },
  'fetch of undici': { ask: (url) => undici.fetch(url), keep: (result: undici.Response) => result.text() },
  'fetch of urllib': { ask: (url) => urllib.fetch(url), keep: (result: Response) => result.text() },
  'node-fetch': { ask: (url) => nodeFetch(url), keep: (result: Response) => result.text() },
  'undici, parsed': { ask: async (url) => (await undici.request(url)).body.json() },
  'undici, text': { ask: async (url) => (await undici.request(url)).body.text() },
  'undici, bytes': { ask: async (url) => (await undici.request(url)).body.arrayBuffer() },
  axios: { ask: (url) => axios.get(url) },
  'axios, text': { ask: (url) => axios.get(url, { responseType: 'text', transformResponse: (text) => text }) },
  'axios, bytes': { ask: (url) => axios.get(url, { responseType: 'arraybuffer' }) },
  'axios by fetch': { ask: (url) => axios.get(url, { adapter: 'fetch' }) },
  got: { ask: (url) => got(url) },
  'got, parsed': { ask: (url) => got(url, { responseType: 'json' }) },
  'got, bytes': { ask: (url) => got(url, { responseType: 'buffer' }) },
  'got, only the body': { ask: (url) => got(url).json() },
  'got, only the text': { ask: (url) => got(url).text() },
  'got, only the bytes': { ask: (url) => got(url).buffer() },
  superagent: { ask: async (url) => superagent.get(url) },
  urllib: { ask: (url) => urllib.request(url) },
  'urllib, parsed': { ask: (url) => urllib.request(url, { dataType: 'json' }) },
  'urllib, text': { ask: (url) => urllib.request(url, { dataType: 'text' }) },
};

function callBy(
  way: Way,
  status: number,
  type: string,
): { readonly tokens: string[]; readonly result: Promise<unknown> } {
  const tokens: string[] = [];
  const result = callWithToken({
    token: 'old',
    run: (token) => {
      tokens.push(token);
      return way.ask(`${origin}/${status}/${encodeURIComponent(type)}/${token}`);
    },
    isStale: undefined,
    reading: { clock: systemClock },
    replace: async () => 'new',
  });
  return { tokens, result };
}

/** superagent leaves the body of a type that it has no parser for unread. */
const typesOf = (client: string): readonly string[] =>
  TYPES.filter((type) => client !== 'superagent' || type !== 'application/octet-stream');

describe.each(Object.entries(CLIENTS))('%s', (client, way) => {
  test.each(typesOf(client))('a stale token is found in an answer of status 200 and type %s', async (type) => {
    const { tokens, result } = callBy(way, 200, type);
    await result;
    expect(tokens).toEqual(['old', 'new']);
  });

  test.each(typesOf(client))('a stale token is found in the result for status 400 and type %s', async (type) => {
    const { tokens, result } = callBy(way, 400, type);
    await result;
    expect(tokens).toEqual(['old', 'new']);
  });
});

describe.each(Object.entries(CLIENTS).filter(([, { keep }]) => keep !== undefined))('%s', (_, { ask, keep }) => {
  test('an answer that was searched can still be read', async () => {
    const { tokens, result } = callBy({ ask }, 200, TYPES[0]);
    expect(await keep?.((await result) as never)).toBe(GOOD);
    expect(tokens).toHaveLength(2);
  });
});

test('a stale token is found in the error of undici for a status', async () => {
  const dispatcher = new undici.Agent().compose(undici.interceptors.responseError());
  const ask = (url: string): Promise<unknown> => undici.request(url, { dispatcher }).then(({ body }) => body.json());
  const { tokens, result } = callBy({ ask }, 400, TYPES[0]);
  await result;
  expect(tokens).toEqual(['old', 'new']);
  await dispatcher.close();
});

test('a stream that is the body of an answer is not read', async () => {
  const asStream = (url: string): Promise<{ data: AsyncIterable<Buffer> }> =>
    axios.get(url, { responseType: 'stream' });
  const { tokens, result } = callBy({ ask: asStream }, 200, TYPES[0]);
  const { data } = (await result) as Awaited<ReturnType<typeof asStream>>;
  const chunks: Buffer[] = [];
  for await (const chunk of data) chunks.push(chunk);
  expect([tokens, Buffer.concat(chunks).toString()]).toEqual([['old'], STALE]);

  const { result: asked } = callBy({ ask: (url) => undici.request(url) }, 200, TYPES[0]);
  const { body } = (await asked) as Awaited<ReturnType<typeof undici.request>>;
  expect([body.bodyUsed, await body.text()]).toEqual([false, STALE]);
});

test('connections to WeChat are closed in a process that has loaded urllib, which marks the errors of all sockets', async () => {
  const clock = new FakeClock();
  await using wechat = await FakeWeChat.start({ clock });
  const client = clientOf({ origins: [wechat.origin], clock });
  const query = { grant_type: 'client_credential', appid: 'wx1', secret: 'secret' };
  const ask = (): Promise<unknown> =>
    client.request(
      { method: 'GET', path: '/cgi-bin/token', query },
      { signal: new AbortController().signal, withToken: false },
    );
  await Promise.all([ask(), ask()]);
  await expect(client.close()).resolves.toBeUndefined();
});
