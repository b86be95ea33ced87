import { getEventListeners } from 'node:events';
import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Upstream, WeChatRequest } from '../../../src/core/model/refresher.js';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';
import { clientOf } from '../../support/worlds/wechat-client.js';
import { failure } from './failure.js';

const PLAIN: WeChatRequest = {
  method: 'GET',
  path: '/cgi-bin/token',
  query: { grant_type: 'client_credential', appid: 'wx1', secret: 'secret' },
};

let clock: FakeClock;
let wechat: FakeWeChat;
let client: Upstream;

beforeEach(async () => {
  clock = new FakeClock();
  wechat = await FakeWeChat.start({ clock });
  client = clientOf({ origins: [wechat.origin], clock });
});

afterEach(async () => {
  await client.close();
  await wechat.close();
});

function ask(request: WeChatRequest = PLAIN, signal: AbortSignal = new AbortController().signal): Promise<unknown> {
  return client.request(request, { signal, withToken: false });
}

function isUndiciLoaded(): boolean {
  const { cache } = createRequire(import.meta.url);
  return Object.keys(cache).some((file) => file.includes('/node_modules/undici/lib/'));
}

describe('undici', () => {
  it('undici is loaded by the first request and not before', async () => {
    expect(isUndiciLoaded()).toBe(false);
    await ask();
    expect(isUndiciLoaded()).toBe(true);
  });

  it('a client that was never used is closed without a request, and rejects requests then', async () => {
    await client.close();
    await expect(ask()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(wechat.countCalls()).toBe(0);
  });
});

describe('requests of a client', () => {
  it('a request sends its query unchanged', async () => {
    await expect(ask()).resolves.toEqual({ access_token: expect.stringMatching(/^plain_/), expires_in: 7200 });
    expect(wechat.calls).toMatchObject([{ method: 'GET', path: '/cgi-bin/token', appid: 'wx1', errcode: 0 }]);
  });

  it('a request adds its query to one in the path', async () => {
    const query = { appid: 'wx1', secret: 'secret' };
    const path = '/cgi-bin/token?grant_type=client_credential';
    await expect(ask({ method: 'GET', path, query })).resolves.toHaveProperty('access_token');
  });

  it('a request sends its body as JSON', async () => {
    const body = { grant_type: 'client_credential', appid: 'wx1', secret: 'secret', force_refresh: true };
    await expect(ask({ method: 'POST', path: '/cgi-bin/stable_token', body })).resolves.toHaveProperty('access_token');
    expect(wechat.calls[0]).toMatchObject({ method: 'POST', forced: true });
  });

  it.each(['cgi-bin/token', '', '/a b', '/a\r\nhost: b', '@evil.test/'])('the path %j is rejected', async (path) => {
    await expect(ask({ method: 'GET', path })).rejects.toThrow(TypeError);
    expect(wechat.countCalls()).toBe(0);
  });

  it('a request is told the time that the answer of WeChat names, if it names one', async () => {
    const times: number[] = [];
    const { signal } = new AbortController();
    const dated = (at: number): void => void times.push(at);
    await client.request(PLAIN, { signal, withToken: false, dated });
    expect(times).toEqual([Math.floor(clock.now() / 1_000) * 1_000]);
    wechat.fail(
      '/cgi-bin/token',
      { status: 200, body: '{"access_token":"t"}', headers: { date: 'soon' } },
      { times: 1 },
    );
    await client.request(PLAIN, { signal, withToken: false, dated });
    expect(times).toHaveLength(1);
  });

  it('a waiting request keeps the process alive', async () => {
    const setTimer = vi.spyOn(clock, 'setTimer');
    await ask();
    expect(setTimer).toHaveBeenCalledExactlyOnceWith(expect.any(Function), 6_000, { ref: true });
  });

  it('a finished request leaves no timer and no listener', async () => {
    const { signal } = new AbortController();
    await ask(PLAIN, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    wechat.fail('*', 'reset');
    await failure(ask());
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('signals', () => {
  it.each([new Error('enough'), 'enough', undefined])(
    'a signal rejects a waiting request with its reason %s',
    async (reason) => {
      wechat.fail('*', 'hang');
      const controller = new AbortController();
      const asked = ask(PLAIN, controller.signal);
      const outcome = asked.catch((error: unknown) => error);
      await wechat.nextCall();
      controller.abort(reason);
      expect(await outcome).toBe(controller.signal.reason);
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it('a signal that is already aborted keeps the request from being sent', async () => {
    await expect(ask(PLAIN, AbortSignal.abort('enough'))).rejects.toBe('enough');
    expect(wechat.countCalls()).toBe(0);
  });

  it('a signal aborted while undici is being loaded keeps the request from being sent', async () => {
    const controller = new AbortController();
    const asked = ask(PLAIN, controller.signal);
    await Promise.resolve();
    controller.abort('enough');
    await expect(asked).rejects.toBe('enough');
    expect(wechat.countCalls()).toBe(0);
  });

  it('a request that is aborted does not count against its origin', async () => {
    wechat.fail('*', 'hang', { times: 25 });
    for (let time = 0; time < 25; time++) {
      const controller = new AbortController();
      const asked = ask(PLAIN, controller.signal).catch((error: unknown) => error);
      await wechat.nextCall();
      controller.abort('enough');
      expect(await asked).toBe('enough');
    }
    await expect(ask()).resolves.toHaveProperty('access_token');
  });
});

describe('limits of requests', () => {
  it('at most 67 requests for one app and type run at once', async () => {
    const clear = wechat.fail('*', 'hang');
    const controllers = Array.from({ length: 67 }, () => new AbortController());
    const hanging = controllers.map(({ signal }) => ask(PLAIN, signal).catch((error: unknown) => error));
    while (wechat.countCalls() < 67) await wechat.nextCall();
    clear();
    const waiting = ask();
    await clock.advance(100);
    expect(wechat.countCalls()).toBe(67);
    controllers[0]?.abort('enough');
    await expect(waiting).resolves.toHaveProperty('access_token');
    for (const controller of controllers) controller.abort('enough');
    expect(await Promise.all(hanging)).toEqual(controllers.map(() => 'enough'));
  });
});

describe('close', () => {
  it('close rejects requests under way and later ones with CLOSED', async () => {
    wechat.fail('*', 'hang');
    const outcome = failure(ask());
    await wechat.nextCall();
    await client.close();
    expect(await outcome).toMatchObject({ code: 'CLOSED' });
    expect(await failure(ask())).toMatchObject({ code: 'CLOSED' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('close before the first request loads nothing and sends nothing', async () => {
    await client.close();
    await client.close();
    expect(await failure(ask())).toMatchObject({ code: 'CLOSED' });
    expect(wechat.countCalls()).toBe(0);
  });

  it('close while undici is being loaded keeps the request from being sent', async () => {
    const outcome = failure(ask());
    await client.close();
    expect(await outcome).toMatchObject({ code: 'CLOSED' });
    expect(wechat.countCalls()).toBe(0);
  });
});
