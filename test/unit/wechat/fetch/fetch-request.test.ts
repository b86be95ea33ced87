import { Readable } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createFetch } from '../../../../src/index.js';
import { APPID } from '../../../support/worlds/world.js';
import { scene } from './scene.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the body of a call', () => {
  const file = (): FormData => {
    const form = new FormData();
    form.set('media', new Blob(['picture'], { type: 'image/png' }), 'a.png');
    return form;
  };

  test.each<[string, () => NonNullable<RequestInit['body']>, RegExp, RegExp]>([
    ['text', () => '{"a":"中"}', /^{"a":"中"}$/, /^text\/plain/],
    ['a FormData', file, /filename="a.png"[\s\S]*picture/, /^multipart\/form-data; boundary=/],
    ['a Blob', () => new Blob(['blob'], { type: 'a/b' }), /^blob$/, /^a\/b$/],
    ['a URLSearchParams', () => new URLSearchParams('a=1'), /^a=1$/, /^application\/x-www-form-urlencoded/],
    ['bytes', () => new TextEncoder().encode('bytes'), /^bytes$/, /^$/],
    ['an ArrayBuffer', () => new TextEncoder().encode('buffer').buffer, /^buffer$/, /^$/],
    ['a Buffer', () => Buffer.from('buffer'), /^buffer$/, /^$/],
  ])('%s is sent with its length and type, and again after a stale token', async (_, body, text, type) => {
    await using at = await scene();
    at.server.dead.add('token-1');
    await at.wechat('/a', { method: 'POST', body: body() });
    expect(at.server.tokens).toEqual(['token-1', 'token-2']);
    for (const received of at.server.received) {
      expect(received.body).toMatch(text);
      expect(received.headers['content-type'] ?? '').toMatch(type);
      expect(received.headers['content-length']).toBe(String(Buffer.byteLength(received.body)));
    }
  });

  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('in ');
    yield Buffer.from('parts');
  }

  test.each<[string, () => unknown]>([
    ['a stream', () => ReadableStream.from(chunks())],
    ['a stream of Node.js', () => Readable.from(chunks())],
    ['an async iterable', chunks],
  ])('%s is sent once: the stale answer is returned, and the token is replaced', async (_, body) => {
    await using at = await scene();
    at.server.dead.add('token-1');
    const init = { method: 'POST', body: body(), duplex: 'half' } as RequestInit;
    const response = await at.wechat('/a', init);
    expect(await response.json()).toMatchObject({ errcode: 40_001 });
    expect(at.server.received.map(({ token, body }) => [token, body])).toEqual([['token-1', 'in parts']]);
    expect(await at.tokens.get(APPID, 'access_token')).toBe('token-2');
    const sized = { ...init, body: body(), headers: { 'content-length': '8' } } as RequestInit;
    expect(await (await at.wechat('/a', sized)).json()).toEqual({ errcode: 0, ok: true });
    expect(at.server.received[1]?.headers['content-length']).toBe('8');
  });

  test('a stream that only pipes, as those of the package form-data, is sent once', async () => {
    await using at = await scene();
    const send = vi.fn(async (_url: string, _init: RequestInit) => Response.json({ errcode: 40_001 }));
    const body = { pipe: () => {} } as never;
    const response = await createFetch(at.tokens, APPID, { fetch: send })('/a', { method: 'POST', body });
    expect(await response.json()).toEqual({ errcode: 40_001 });
    expect(send).toHaveBeenCalledOnce();
  });

  test('the body of a Request is sent once, with its length, and with its headers and method', async () => {
    await using at = await scene();
    at.server.dead.add('token-1');
    const headers = { 'content-type': 'application/json', 'x-test': '1' };
    const request = new Request(`${at.server.origin}/a`, { method: 'PUT', body: '{"a":1}', headers });
    expect(await (await at.wechat(request)).json()).toMatchObject({ errcode: 40_001 });
    expect(at.server.received).toMatchObject([
      { method: 'PUT', token: 'token-1', body: '{"a":1}', headers: { ...headers, 'content-length': '7' } },
    ]);
    expect(request.bodyUsed).toBe(true);
  });

  test('a Request that was used is refused before a token is asked for', async () => {
    await using at = await scene();
    const request = new Request(`${at.server.origin}/a`, { method: 'POST', body: 'x' });
    await at.wechat(request);
    const calls = vi.spyOn(at.tokens, 'call');
    await expect(at.wechat(request)).rejects.toThrow(
      new TypeError('the Request has been used: its body can be sent only once'),
    );
    const locked = new Request(`${at.server.origin}/a`, { method: 'POST', body: 'x' });
    locked.body?.getReader();
    await expect(at.wechat(locked)).rejects.toThrow(TypeError);
    expect(calls).not.toHaveBeenCalled();
    expect(at.server.received).toHaveLength(1);
  });

  test('a Request without a body, or with another one in init, is sent again after a stale token', async () => {
    await using at = await scene();
    at.server.dead.add('token-1');
    await at.wechat(new Request(`${at.server.origin}/a`, { headers: { 'x-test': '1' } }));
    expect(at.server.received.map(({ headers }) => headers['x-test'])).toEqual(['1', '1']);
    await at.world.clock.advance(30_000);
    at.server.dead.add('token-2');
    const used = new Request(`${at.server.origin}/b`, { method: 'POST', body: 'mine' });
    await used.text();
    await at.wechat(used, { body: 'yours' });
    expect(at.server.received.slice(2).map(({ token, body }) => [token, body])).toEqual([
      ['token-2', 'yours'],
      ['token-3', 'yours'],
    ]);
  });

  test('init may be a Request, as for fetch', async () => {
    await using at = await scene();
    const init = new Request('http://elsewhere.invalid/', { method: 'DELETE', headers: { 'x-test': '1' } });
    await expect(at.wechat('/a', init as RequestInit)).rejects.toThrow(/^redirect must be/);
    const manual = new Request(init, { redirect: 'manual' });
    await at.wechat('/a', manual as RequestInit);
    expect(at.server.received).toMatchObject([{ method: 'DELETE', headers: { 'x-test': '1' } }]);
  });

  test('the first answer is discarded, so that its connection is free, before the second request', async () => {
    await using at = await scene();
    const cancelled: string[] = [];
    const answers = ['{"errcode":40001}', '{}'];
    const wechat = createFetch(at.tokens, APPID, {
      fetch: async () => {
        const text = answers.shift() as string;
        const start = (controller: ReadableStreamDefaultController): void => controller.enqueue(Buffer.from(text));
        return new Response(new ReadableStream({ start, cancel: () => void cancelled.push(text) }));
      },
    });
    await wechat('/a');
    expect(cancelled).toEqual(['{"errcode":40001}']);
  });
});

describe('the init of a call', () => {
  test('each member of init is read once', async () => {
    await using at = await scene();
    let reads = 0;
    const init = {
      get redirect(): 'manual' | 'follow' {
        reads += 1;
        return reads === 1 ? 'manual' : 'follow';
      },
    };
    const send = vi.fn(async (_url: string, _init: RequestInit) => new Response('{}'));
    await createFetch(at.tokens, APPID, { fetch: send })('/a', init);
    expect(send.mock.calls[0]?.[1].redirect).toBe('manual');
  });

  test('what fetch returns must be a response', async () => {
    await using at = await scene();
    const wechat = createFetch(at.tokens, APPID, { fetch: (async () => undefined) as never });
    await expect(wechat('/a')).rejects.toThrow(new TypeError('fetch must return a Response, got undefined'));
  });

  test('members of init that only an implementation knows reach it', async () => {
    await using at = await scene();
    const send = vi.fn(async (_url: string, _init: object) => new Response('{}'));
    const dispatcher = {};
    await createFetch(at.tokens, APPID, { fetch: send })('/a', { dispatcher } as object);
    expect(send.mock.calls[0]?.[1]).toMatchObject({ dispatcher });
  });

  test('the global fetch is looked up at each call', async () => {
    await using at = await scene();
    const send = vi.spyOn(globalThis, 'fetch').mockResolvedValue(new Response('{}'));
    await at.wechat('/a');
    expect(send).toHaveBeenCalledOnce();
  });
});
