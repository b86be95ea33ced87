import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readApiUrl, withToken } from '../../../../src/wechat/fetch/api-url.js';

const OWN = 'http://127.0.0.1:8080';
const ORIGINS = [OWN, 'https://mirror.example:8443'];
const DOCUMENTED = ['api', 'api2', 'sh.api', 'sz.api', 'hk.api', 'qyapi'].map(
  (name) => `https://${name}.weixin.qq.com`,
);
const ALLOWED = [...ORIGINS, ...DOCUMENTED];

const sent = (url: string, type = 'access_token'): string => withToken(readApiUrl(url, ORIGINS), type, 'T');

describe('readApiUrl', () => {
  test.each([
    ['/cgi-bin/user/info?openid=o1', `${OWN}/cgi-bin/user/info?openid=o1&access_token=T`],
    ['cgi-bin/user/info', `${OWN}/cgi-bin/user/info?access_token=T`],
    ['?a=1', `${OWN}/?a=1&access_token=T`],
    ['//127.0.0.1:8080/x', `${OWN}/x?access_token=T`],
    ['/a/../b/./c', `${OWN}/b/c?access_token=T`],
    ['/a#access_token=x', `${OWN}/a?access_token=T`],
    [' \t/a\n', `${OWN}/a?access_token=T`],
    ['https://api.weixin.qq.com', 'https://api.weixin.qq.com/?access_token=T'],
    ['https://api.weixin.qq.com:443/a', 'https://api.weixin.qq.com/a?access_token=T'],
    ['HTTPS://API.WeiXin.QQ.com/A', 'https://api.weixin.qq.com/A?access_token=T'],
    ['https:\\\\api.weixin.qq.com\\a', 'https://api.weixin.qq.com/a?access_token=T'],
    // These are spellings that the URL standard turns into WeChat's host, which is also what is sent.
    ['https://ａｐｉ。weixin.qq.com/a', 'https://api.weixin.qq.com/a?access_token=T'],
    ['https://%61pi.weixin.qq.com/a', 'https://api.weixin.qq.com/a?access_token=T'],
    ['https://api.weixin.qq.com\\@evil.example/', 'https://api.weixin.qq.com/@evil.example/?access_token=T'],
    ['https://mirror.example:8443/a', 'https://mirror.example:8443/a?access_token=T'],
  ])('a call of %j is sent to %s', (url, expected) => {
    expect(sent(url)).toBe(expected);
  });

  test.each(DOCUMENTED)('the documented host %s is accepted', (origin) => {
    expect(sent(`${origin}/a`)).toBe(`${origin}/a?access_token=T`);
  });

  test.each([
    'https://evil.example/a',
    '//evil.example/a',
    '\\\\evil.example/a',
    '/\\evil.example/a',
    '\\/evil.example',
    '/\t/evil.example/a',
    'https:evil',
    'https://api.weixin.qq.com.evil.example/',
    'https://api.weixin.qq.com@evil.example/',
    'https://evil.example\\@api.weixin.qq.com/',
    'https://evil.example#@api.weixin.qq.com/',
    'https://evil.example?@api.weixin.qq.com/',
    'https://user:pass@api.weixin.qq.com/',
    'https://user@api.weixin.qq.com/',
    'http://user@127.0.0.1:8080/',
    'http://api.weixin.qq.com/',
    'https://api.weixin.qq.com:8443/',
    'https://api.weixin.qq.com:80/',
    'https://api.weixin.qq.com./',
    'https://weixin.qq.com/',
    'https://mp.weixin.qq.com/',
    'https://x.api.weixin.qq.com/',
    'https://127.0.0.1:8080/',
    'http://127.0.0.1/',
    'http://localhost:8080/',
    'http://[::ffff:127.0.0.1]:8080/',
    'https://mirror.example/',
    'https://аpi.weixin.qq.com/',
    'https://api.weixin.qq.cоm/',
    'https://api.weixin.qq.com%00.evil.example/',
    'https://',
    'http://[',
    'javascript:alert(1)',
    'data:text/plain,x',
    'file:///etc/passwd',
    'ftp://api.weixin.qq.com/',
    'wss://api.weixin.qq.com/',
    'blob:https://api.weixin.qq.com/4a5a5a4e-0000-4000-8000-000000000000',
    'api.weixin.qq.com:443/a',
  ])('a call of %j is a TypeError', (url) => {
    expect(() => readApiUrl(url, ORIGINS)).toThrow(TypeError);
  });

  test('the TypeError names the host, and shows nothing of the path and query', () => {
    const call = (): unknown => readApiUrl('https://evil.example/CANARY?access_token=CANARY#CANARY', ORIGINS);
    expect(call).toThrow('got "https://evil.example"');
    expect(call).not.toThrow('CANARY');
  });

  test('whatever the spelling of a URL, it is refused or leads to an allowed origin, also when it is parsed again', () => {
    const host = fc.constantFrom(
      'api.weixin.qq.com',
      'API.WEIXIN.QQ.COM',
      'evil.example',
      '127.0.0.1:8080',
      'mirror.example:8443',
      '127.1:8080',
      'аpi.weixin.qq.com',
    );
    const noise = fc.constantFrom(
      '',
      '/',
      '\\',
      '@',
      ':',
      '?',
      '#',
      '.',
      '%2f',
      '%40',
      '\t',
      '\n',
      ' ',
      '//',
      'x',
      ':443',
    );
    const scheme = fc.constantFrom('', 'https:', 'http:', 'HTTPS:', 'blob:https:', 'ftp:', '//', '/\\');
    const url = fc
      .tuple(scheme, fc.array(fc.oneof(host, noise, fc.string({ maxLength: 3 })), { maxLength: 8 }))
      .map(([start, parts]) => start + parts.join(''));
    let accepted = 0;
    fc.assert(
      fc.property(url, (text) => {
        let result: string;
        try {
          result = sent(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          return;
        }
        accepted += 1;
        const { protocol, host, username, password, hash, searchParams } = new URL(result);
        expect(ALLOWED).toContain(`${protocol}//${host}`);
        expect([username, password, hash]).toEqual(['', '', '']);
        expect(searchParams.getAll('access_token')).toEqual(['T']);
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

describe('withToken', () => {
  test.each([
    ['/a?access_token=old', '/a?access_token=T'],
    ['/a?access_token=old&b=1&access_token=older', '/a?b=1&access_token=T'],
    ['/a?b=1&ACCESS_TOKEN=old', '/a?b=1&access_token=T'],
    ['/a?access%5Ftoken=old&b=1', '/a?b=1&access_token=T'],
    ['/a?%61ccess_token=old&b=1', '/a?b=1&access_token=T'],
    ['/a?+access_token=old', '/a?access_token=T'],
    ['/a?access_token%00=old', '/a?access_token=T'],
    ['/a?access_token[]=old', '/a?access_token=T'],
    ['/a?access_token', '/a?access_token=T'],
    ['/a?component_access_token=old', '/a?access_token=T'],
    ['/a?authorizer_access_token=old', '/a?access_token=T'],
    ['/a?next_openid=&b=%E4%B8%AD%20+~', '/a?next_openid=&b=%E4%B8%AD%20+~&access_token=T'],
    ['/a?my_access_token=1&access_tokens=2', '/a?my_access_token=1&access_tokens=2&access_token=T'],
    ['/a?b=access_token', '/a?b=access_token&access_token=T'],
    ['/a?', '/a?access_token=T'],
  ])('the token takes the place of any that is there: %s is sent as %s', (url, expected) => {
    expect(sent(url)).toBe(OWN + expected);
  });

  test.each([
    ['/cgi-bin/component/api_get_authorizer_list', 'component_access_token', 'component_access_token'],
    [
      '/cgi-bin/component/api_get_authorizer_list?component_access_token=x',
      'component_access_token',
      'component_access_token',
    ],
    ['/sns/oauth2/component/access_token', 'component_access_token', 'component_access_token'],
    ['/sns/component/jscode2session', 'component_access_token', 'component_access_token'],
    ['/wxa/component/fastregisterpersonalweapp', 'component_access_token', 'component_access_token'],
    ['/wxa/component/fastregisterbetaweapp', 'component_access_token', 'access_token'],
    ['/wxa/gettemplatelist', 'component_access_token', 'access_token'],
    ['/cgi-bin/components/x', 'component_access_token', 'access_token'],
    ['/cgi-bin/component/setprivacysetting', 'authorizer_access_token', 'access_token'],
    ['/cgi-bin/component/setprivacysetting?component_access_token=x', 'authorizer_access_token', 'access_token'],
  ])('a call of %s with a token of type %s carries it as %s alone', (url, type, parameter) => {
    const { searchParams } = new URL(sent(url, type));
    expect([...searchParams]).toEqual([[parameter, 'T']]);
  });

  test('any token arrives as it is, and any other parameter as it was', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !/access_token/i.test(text));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.tuple(name, fc.string())), (token, given) => {
        const url = readApiUrl(`/a?${new URLSearchParams(given)}`, ORIGINS);
        const { searchParams } = new URL(withToken(url, 'access_token', token));
        expect([...searchParams]).toEqual([...new URLSearchParams(given), ['access_token', token]]);
      }),
    );
  });
});
