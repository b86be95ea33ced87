import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createFetch } from '../../../../src/index.js';
import { APPID } from '../../../support/worlds/world.js';
import { everythingShown, failure } from '../failure.js';
import { type Scene, scene } from './scene.js';

describe('what a call shows of its token', () => {
  const TOKEN = '90_CANARY-xyz+/=0123456789abcdefghijklmnopqrstuvwxyz';

  async function secretive(fetch?: (url: string) => Promise<Response>): Promise<Scene> {
    const at = await scene();
    await at.tokens.put(APPID, 'access_token', { value: TOKEN, expiresInSeconds: 7_200 });
    return { ...at, wechat: createFetch(at.tokens, APPID, fetch === undefined ? {} : { fetch }) };
  }

  test('a failure of the connection is a TypeError as that of fetch, with the code in its cause', async () => {
    await using at = await secretive();
    at.server.answer = (_, response) => void response.socket?.resetAndDestroy();
    const error = await failure(at.wechat('/a'));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      message: 'fetch failed',
      cause: { code: expect.stringMatching(/^UND_ERR_|^ECONN/) },
    });
    expect(everythingShown(error)).not.toContain('CANARY');
  });

  test.each<[string, (url: string) => unknown]>([
    ['the message', (url) => new Error(`request to ${url} failed`)],
    ['the message, decoded', (url) => new TypeError(`Failed to parse URL from ${decodeURIComponent(url)}`)],
    ['a field', (url) => Object.assign(new Error('no'), { url, input: url, config: { url }, code: 'ERR_INVALID_URL' })],
    ['the cause', (url) => new TypeError('fetch failed', { cause: Object.assign(new Error(url), { input: url }) })],
    ['the stack', (url) => Object.assign(new Error('no'), { stack: `Error: ${url}\n    at ${url}` })],
    ['a thrown text', (url) => url],
    ['a thrown object', (url) => ({ url })],
  ])('an error of fetch that has the token in %s shows nothing of it', async (_, errorOf) => {
    await using at = await secretive(async (url) => {
      throw errorOf(url);
    });
    const error = await failure(at.wechat('/a'));
    expect(error).toBeInstanceOf(TypeError);
    for (const part of ['CANARY', '0123456789abcdef']) expect(everythingShown(error)).not.toContain(part);
  });

  test('an error keeps its message, name and code', async () => {
    await using at = await secretive(async () => {
      throw Object.assign(new Error('the proxy is closed'), { name: 'ProxyError', code: 'PROXY_CLOSED' });
    });
    expect(await failure(at.wechat('/a'))).toMatchObject({
      message: 'the proxy is closed',
      name: 'ProxyError',
      code: 'PROXY_CLOSED',
    });
    const stream = { method: 'POST', body: ReadableStream.from(['x']) } as RequestInit;
    await expect(createFetch(at.tokens, APPID)('/a', stream)).rejects.toThrow(/duplex/);
  });

  test('both tokens are hidden when the second request fails', async () => {
    const sent: string[] = [];
    await using at = await secretive(async (url) => {
      sent.push(url);
      if (sent.length === 1) return Response.json({ errcode: 40_001 });
      throw new Error(sent.join(' and '));
    });
    at.world.wechat.next({ value: `${TOKEN}-second` });
    const error = await failure(at.wechat('/a'));
    expect(sent[1]).toContain('second');
    expect(everythingShown(error)).not.toMatch(/CANARY|second/);
  });

  test('a response and its clones show the URL without the token', async () => {
    await using at = await secretive();
    const response = await at.wechat('/a?b=1');
    const clone = response.clone();
    for (const shown of [response, clone, clone.clone()]) {
      expect(shown.url).toBe(`${at.server.origin}/a?b=1`);
      expect(inspect(shown)).not.toContain('CANARY');
    }
    expect(await response.json()).toEqual(await clone.json());
    expect(at.server.tokens).toEqual([TOKEN]);
  });

  test('an error of the manager is passed on as it is', async () => {
    await using at = await scene();
    expect(await failure(createFetch(at.tokens, 'wx-unknown')('/a'))).toMatchObject({ code: 'NOT_REGISTERED' });
    await at.tokens.close();
    expect(await failure(at.wechat('/a'))).toMatchObject({ code: 'CLOSED' });
  });
});
