import { createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { TokenManager } from 'wechat-token-manager';
import { NotAnswered, WeChat } from '../src/delivery/wechat.js';

const APP = { appid: 'wx0123456789abcdef', secret: 'secret-of-the-test' };
/** A manager that has a token. */
const tokens = {
  call: (_appid: string, _type: string, work: (token: string) => unknown) => work('token'),
} as unknown as TokenManager;

const failed = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more });
const fetchFailed = (cause: Error): TypeError => new TypeError('fetch failed', { cause });

describe('a message whose connection fails', () => {
  afterEach(() => vi.unstubAllGlobals());

  test.each([
    ['is refused', failed('ECONNREFUSED', { syscall: 'connect' }), false],
    ['is not established within the time of the system', failed('ETIMEDOUT', { syscall: 'connect' }), false],
    [
      'is established to none of several addresses',
      Object.assign(new AggregateError([failed('ETIMEDOUT', { syscall: 'connect' })], 'none'), { code: 'ETIMEDOUT' }),
      false,
    ],
    ['is not established within the time of fetch', failed('UND_ERR_CONNECT_TIMEOUT'), false],
    ['is lost after a while', failed('ETIMEDOUT', { syscall: 'read' }), true],
    ['breaks', failed('ECONNRESET', { syscall: 'read' }), true],
  ])(
    'NotAnswered says whether WeChat may have taken a message whose connection %s',
    async (_what, cause, mayHaveBeenTaken) => {
      vi.stubGlobal('fetch', () => Promise.reject(fetchFailed(cause)));
      const wechat = new WeChat(tokens, { ...APP, origin: 'http://127.0.0.1:1' });
      await expect(wechat.send({})).rejects.toMatchObject({ name: 'NotAnswered', mayHaveBeenTaken });
    },
  );

  test('a message that is not answered may have been taken, and its timeout exceeds that of fetch for connecting', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const wechat = new WeChat(tokens, { ...APP, origin });
    const startedAt = performance.now();
    const error = await wechat.send({}).catch((thrown: unknown) => thrown);
    server.close();
    expect(error).toBeInstanceOf(NotAnswered);
    expect(error).toMatchObject({ mayHaveBeenTaken: true, message: 'WeChat has not answered in time' });
    // `fetch` gives up connecting after 10 s, and checks each second.
    expect(performance.now() - startedAt).toBeGreaterThan(12_000);
  });
});
