import { describe, expect, test } from 'vitest';
import { createFetch } from '../../../../src/index.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';
import { failure } from '../failure.js';
import { scene } from './scene.js';

describe('the signal of a call', () => {
  const reason = new Error('enough');

  test('a call that is aborted before it begins rejects with the reason, and sends nothing', async () => {
    await using at = await scene();
    await at.tokens.get(APPID, 'access_token');
    const signal = AbortSignal.abort(reason);
    await expect(at.wechat('/a', { signal })).rejects.toBe(reason);
    await expect(at.wechat(new Request(`${at.server.origin}/a`, { signal }))).rejects.toBe(reason);
    expect(at.server.received).toEqual([]);
  });

  test('a call that waits for its token ends by the signal', async () => {
    await using at = await scene();
    at.world.wechat.next(() => new Promise<never>(() => {}));
    await at.tokens.register({ appid: 'wx2', secret: SECRET });
    const controller = new AbortController();
    const call = createFetch(at.tokens, 'wx2')('/a', { signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(at.server.received).toEqual([]);
  });

  test('a request under way ends by the signal of init or of the Request', async () => {
    await using at = await scene();
    for (const call of [
      (signal: AbortSignal) => at.wechat('/a', { signal }),
      (signal: AbortSignal) => at.wechat(new Request(`${at.server.origin}/a`, { signal })),
    ]) {
      const controller = new AbortController();
      at.server.answer = () => controller.abort(reason);
      await expect(call(controller.signal)).rejects.toBe(reason);
    }
  });

  test('the reason is thrown also where an implementation of fetch throws an error of its own', async () => {
    await using at = await scene();
    const controller = new AbortController();
    const wechat = createFetch(at.tokens, APPID, {
      fetch: async (url) => {
        controller.abort(reason);
        throw new Error(`The user aborted ${url}`);
      },
    });
    await expect(wechat('/a', { signal: controller.signal })).rejects.toBe(reason);
  });

  test('a Request whose body does not end is given up when it is aborted', async () => {
    await using at = await scene();
    const controller = new AbortController();
    const body = new ReadableStream({ pull: () => controller.abort(reason) }, { highWaterMark: 0 });
    const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit;
    await expect(at.wechat(new Request(`${at.server.origin}/a`, init))).rejects.toBe(reason);
    expect(at.server.received).toEqual([]);
  });

  test('a signal of null takes that of the Request away', async () => {
    await using at = await scene();
    const request = new Request(`${at.server.origin}/a`, { signal: AbortSignal.abort(reason) });
    expect((await at.wechat(request, { signal: null })).status).toBe(200);
  });

  test('the wait for the token ends by timeoutMs as well', async () => {
    await using at = await scene();
    at.world.wechat.next(() => new Promise<never>(() => {}));
    await at.tokens.register({ appid: 'wx2', secret: SECRET });
    const call = createFetch(at.tokens, 'wx2', { timeoutMs: 100 })('/a');
    expect(await failure(at.world.within(100, call))).toMatchObject({ code: 'TIMEOUT' });
  });
});
