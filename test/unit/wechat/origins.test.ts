import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/testing/index.js';
import { type Origin, Origins, parseOrigins, parseProxy } from '../../../src/wechat/origins.js';
import { clientOf } from '../../support/worlds/wechat-client.js';

const unreadable = new Proxy([], {
  get() {
    throw new Error('canary');
  },
});

describe('the option origins', () => {
  it.each([
    [['https://api.weixin.qq.com'], ['https://api.weixin.qq.com']],
    [
      ['https://API.weixin.qq.com:443/', 'http://127.0.0.1:8080'],
      ['https://api.weixin.qq.com', 'http://127.0.0.1:8080'],
    ],
    [['https://a.test', 'https://a.test/'], ['https://a.test']],
    [['http://[::1]:80'], ['http://[::1]']],
  ])('the origins %j become %j', (origins, expected) => expect(parseOrigins(origins)).toEqual(expected));

  it.each([
    [[], 'an array'],
    ['https://api.weixin.qq.com', 'a string'],
    [undefined, 'undefined'],
    [['api.weixin.qq.com'], 'wechat.origins[0]'],
    [['https://a.test', 'ftp://a.test'], 'wechat.origins[1]'],
    [['https://a.test/cgi-bin'], '/cgi-bin'],
    [['https://a.test/?'], 'wechat.origins[0]'],
    [['https://a.test/#'], 'wechat.origins[0]'],
    [unreadable, 'wechat.origins cannot be read'],
    [[42], 'got 42'],
    [[null], 'got null'],
  ])('the origins of case %# are rejected with a TypeError that names the mistake', (origins, words) => {
    const create = () => clientOf({ origins: origins as unknown as string[], clock: new FakeClock() });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(words);
  });

  it.each(['https://canary:canary@a.test', 'https://:canary@a.test', 'https://u:canary@a.test/path', 'u:canary@a'])(
    'the error for an origin shows no credentials: %s',
    (origin) => {
      expect(() => parseOrigins([origin])).toThrow(TypeError);
      expect(() => parseOrigins([origin])).not.toThrow(/canary/);
    },
  );
});

describe('the option proxy', () => {
  it.each([
    [undefined, undefined],
    ['http://10.0.0.9:3128', 'http://10.0.0.9:3128/'],
    ['https://user:pass@proxy.test/', 'https://user:pass@proxy.test/'],
  ])('the proxy %s becomes %s', (proxy, expected) => expect(parseProxy(proxy)).toBe(expected));

  it.each([
    '',
    'proxy',
    'socks5://canary:1@a.test',
    'http://canary:1@a.test/path',
    'http://canary@a.test?q',
    'http://canary%E0:1@a.test',
    'http://u:canary%@a.test',
    7,
    null,
  ])('the proxy %j is rejected with a TypeError that does not repeat it', (proxy) => {
    const create = () => clientOf({ origins: ['https://a.test'], proxy: proxy as string, clock: new FakeClock() });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(/^wechat\.proxy must be/);
    expect(create).not.toThrow(/canary/);
  });
});

describe('silence for one app and type', () => {
  const silence = (origins: Origins, token: string, times: number, hostOnly = false): void => {
    for (let time = 0; time < times; time++) origins.failed(origins.take(token) as Origin, token, hostOnly);
  };

  it('a silent token blocks no other token, and an answer to another token does not unblock it', () => {
    const clock = new FakeClock();
    const origins = new Origins(['https://a.test'], clock);
    silence(origins, 'wx1/user', 20);
    expect(origins.take('wx1/user')).toBeUndefined();
    expect(origins.take('wx2/user')?.url).toBe('https://a.test');
    expect(origins.take('wx1/access_token')?.url).toBe('https://a.test');
    origins.answered(origins.take('wx2/user') as Origin, 'wx2/user');
    expect(origins.take('wx1/user')).toBeUndefined();
  });

  it.each([
    { afterMs: 999, isAsked: false },
    { afterMs: 1_000, isAsked: true },
  ])('a silent token may probe $afterMs ms later: $isAsked', async ({ afterMs, isAsked }) => {
    const clock = new FakeClock();
    const origins = new Origins(['https://a.test'], clock);
    silence(origins, 'wx1/user', 20);
    origins.answered(origins.take('wx2/user') as Origin, 'wx2/user');
    await clock.advance(afterMs);
    expect(origins.take('wx1/user') !== undefined).toBe(isAsked);
    expect(origins.take('wx1/user')).toBeUndefined();
  });

  it('an answer to a silent token ends its silence', async () => {
    const clock = new FakeClock();
    const origins = new Origins(['https://a.test'], clock);
    silence(origins, 'wx1/user', 20);
    await clock.advance(1_000);
    origins.answered(origins.take('wx1/user') as Origin, 'wx1/user');
    for (let time = 0; time < 3; time++) expect(origins.take('wx1/user')).toBeDefined();
  });

  it('a token without an answer shares the probe of a silent one until any token is answered', () => {
    const origins = new Origins(['https://a.test'], new FakeClock());
    silence(origins, 'wx1/user', 19);
    silence(origins, 'wx2/user', 1);
    expect(origins.take('wx2/user')).toBeUndefined();
    origins.answered(origins.take('wx3/user') as Origin, 'wx3/user');
    expect(origins.take('wx2/user')).toBeDefined();
    expect(origins.take('wx1/user')).toBeDefined();
  });

  it.each([
    { others: 9_999, isAsked: true },
    { others: 10_000, isAsked: false },
  ])('after silence for $others tokens a further token is asked for: $isAsked', ({ others, isAsked }) => {
    const origins = new Origins(['https://a.test'], new FakeClock());
    for (let other = 0; other < others; other++) silence(origins, `wx${other}/user`, 1);
    expect(origins.take('next/user') !== undefined).toBe(isAsked);
  });

  it('silence for more tokens than are remembered allows one probe a second until an answer', async () => {
    const clock = new FakeClock();
    const origins = new Origins(['https://a.test'], clock);
    const round = (): Origin[] =>
      Array.from({ length: 12_000 }, (_, index) => `wx${index}/user`).flatMap((token) => {
        const origin = origins.take(token);
        if (origin !== undefined) origins.failed(origin, token, false);
        return origin ?? [];
      });
    expect(round()).toHaveLength(10_000);
    await clock.advance(1_000);
    const [origin, ...others] = round();
    expect(others).toEqual([]);
    origins.answered(origin as Origin, 'wx0/user');
    expect(origins.take('wx11999/user')).toBeDefined();
  });

  it('silence without a connection counts for every token', () => {
    const origins = new Origins(['https://a.test'], new FakeClock());
    silence(origins, 'wx1/user', 20, true);
    expect(origins.take('wx2/user')).toBeUndefined();
  });
});
