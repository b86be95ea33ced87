import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../../../src/testing/index.js';
import { jsSdkSignature, signJsSdk } from '../../../src/wechat/js-sdk.js';

const TICKET = 'sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg';
const PUBLISHED = { ticket: TICKET, nonceStr: 'Wm3WZYTPz0wzccnW', timestamp: 1414587457 };

describe('jsSdkSignature', () => {
  it.each([
    ['http://mp.weixin.qq.com?params=value', '0f9de62fce790f9a083d5c99e95740ceb90c27ed'],
    ['http://mp.weixin.qq.com', 'f4d90daf4b3bca3078ab155816175ba34c443a7b'],
  ])('the signature of %s is the one that WeChat publishes', (url, signature) => {
    expect(jsSdkSignature({ ...PUBLISHED, url })).toBe(signature);
  });

  it.each(['#', '#top', '#/route?a=1#b', '#line\nbreak'])('the signature leaves out the fragment %j', (fragment) => {
    const url = `http://mp.weixin.qq.com?params=value${fragment}`;
    expect(jsSdkSignature({ ...PUBLISHED, url })).toBe('0f9de62fce790f9a083d5c99e95740ceb90c27ed');
  });

  it('the signature covers the rest of the URL unchanged', () => {
    const sign = (url: string): string => jsSdkSignature({ ...PUBLISHED, url });
    expect(sign('http://a.test/?q=中 文')).not.toBe(sign('http://a.test/?q=%E4%B8%AD%20%E6%96%87'));
    expect(sign('http://a.test')).not.toBe(sign('http://a.test/'));
  });

  it.each([
    '',
    '/page',
    'mp.weixin.qq.com',
    'ftp://a.test',
    'http://',
    'http:a.test',
    undefined,
    null,
    7,
    new URL('http://a.test'),
  ])('the URL %s is rejected', (url) => {
    expect(() => jsSdkSignature({ ...PUBLISHED, url: url as string })).toThrow(TypeError);
    expect(() => jsSdkSignature({ ...PUBLISHED, url: url as string })).toThrow(/^url must be/);
  });
});

describe('misuse of jsSdkSignature and signJsSdk', () => {
  const throws = (): never => {
    throw new Error('CANARY');
  };
  const whole = { ...PUBLISHED, url: 'http://a.test' };

  it.each<[unknown, string]>([
    [undefined, 'what is signed must be an object, got undefined'],
    [null, 'what is signed must be an object, got null'],
    [new Proxy({}, { ownKeys: throws }), 'what is signed cannot be read'],
    [new Proxy(whole, { get: throws }), 'what is signed: ticket cannot be read'],
    [
      { ...whole, tiket: 'CANARY' },
      'what is signed: unknown name "tiket", expected one of ticket, nonceStr, timestamp, url',
    ],
    [{ ...whole, ticket: undefined }, 'ticket must be a string that is not empty, got undefined'],
    [{ ...whole, ticket: Promise.resolve('CANARY') }, 'ticket must be a string that is not empty, got an object'],
    [{ ...whole, nonceStr: '' }, 'nonceStr must be a string that is not empty, got an empty string'],
    [{ ...whole, timestamp: 1.5 }, 'timestamp must be a whole number, got 1.5'],
  ])('jsSdkSignature names the wrong input: %#', (input, message) => {
    expect(() => jsSdkSignature(input as never)).toThrow(new TypeError(message));
  });

  it.each<[unknown, unknown, string]>([
    [undefined, {}, 'tokens must be an object with a function get, got undefined'],
    ['CANARY', {}, 'tokens must be an object with a function get, got a string'],
    [new Proxy({}, { get: throws }), {}, 'tokens: get cannot be read'],
    [{ get: async () => TICKET }, { clock: Date }, 'clock must be an object with a function now, got a function'],
  ])('signJsSdk names the wrong argument: %#', async (tokens, options, message) => {
    await expect(signJsSdk(tokens as never, 'wx1', 'http://a.test', options as never)).rejects.toThrow(
      new TypeError(message),
    );
  });
});

describe('signJsSdk', () => {
  const url = 'https://example.com/page?id=1#top';

  it('signJsSdk signs with the ticket of the app, the time and a nonce', async () => {
    const get = vi.fn(async () => TICKET);
    const clock = new FakeClock({ now: 1_414_587_457_999 });
    const config = await signJsSdk({ get }, 'wx1', url, { clock });
    expect(get).toHaveBeenCalledExactlyOnceWith('wx1', 'jsapi_ticket', {});
    const { nonceStr, signature, ...rest } = config;
    expect(rest).toEqual({ appId: 'wx1', timestamp: 1_414_587_457 });
    expect(nonceStr).toMatch(/^[0-9a-f]{32}$/);
    expect(signature).toBe(jsSdkSignature({ ticket: TICKET, nonceStr, timestamp: 1_414_587_457, url }));
    expect(JSON.stringify(config)).not.toContain(TICKET);
  });

  it('signJsSdk uses the time of the machine and a new nonce each time', async () => {
    const tokens = { get: async () => TICKET };
    const [one, two] = await Promise.all([signJsSdk(tokens, 'wx1', url), signJsSdk(tokens, 'wx1', url)]);
    expect(one.nonceStr).not.toBe(two.nonceStr);
    expect(Math.abs(one.timestamp - Date.now() / 1000)).toBeLessThan(5);
  });

  it('signJsSdk signs for an account of a platform with the ticket and the appid of the account', async () => {
    const get = vi.fn(async () => TICKET);
    const config = await signJsSdk({ get }, 'wx1', url, { subject: 'wx2' });
    expect(get).toHaveBeenCalledExactlyOnceWith('wx1', 'jsapi_ticket', { subject: 'wx2' });
    expect(config.appId).toBe('wx2');
  });

  it('signJsSdk rejects a wrong URL before it gets a ticket', async () => {
    const get = vi.fn(async () => TICKET);
    await expect(signJsSdk({ get }, 'wx1', '/page')).rejects.toThrow(TypeError);
    expect(get).not.toHaveBeenCalled();
  });
});
