import { describe, expect, it } from 'vitest';
import { assertCallbackRules, type CallbackRules, parseCallbackUrl } from '../../../src/callbacks/callback-url.js';

const CANARY = 'canary-5f1d7c';

function refusal(text: unknown, rules: CallbackRules = {}): string {
  try {
    parseCallbackUrl(text, rules);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as TypeError).message;
  }
  return expect.fail('was accepted');
}

describe('callback URLs', () => {
  it.each([
    'http://example.com/params',
    'https://example.com:8443/a?b=c',
    'http://10.0.0.9/params',
    'http://127.0.0.1:3000/',
    'http://[::1]:3000/',
    'http://localhost/',
    'HTTP://EXAMPLE.COM',
    `http://example.com/${'a'.repeat(2_048 - 'http://example.com/'.length)}`,
  ])('%s is a valid callback URL', (text) => {
    expect(parseCallbackUrl(text, {}).href).toBe(new URL(text).href);
  });

  it.each([
    [undefined, 'must be a string, got undefined'],
    [7, 'must be a string, got a number'],
    [{}, 'must be a string, got an object'],
    ['', 'must be an absolute URL'],
    [`/${CANARY}`, 'must be an absolute URL'],
    [`//example.com/${CANARY}`, 'must be an absolute URL'],
    [`http://999.1.1.1/${CANARY}`, 'must be an absolute URL'],
    [`file:///${CANARY}`, 'must begin with http:// or https://'],
    [`ftp://example.com/${CANARY}`, 'must begin with http:// or https://'],
    [`gopher://127.0.0.1/${CANARY}`, 'must begin with http:// or https://'],
    [`javascript:${CANARY}`, 'must begin with http:// or https://'],
    [`unix:/${CANARY}`, 'must begin with http:// or https://'],
    [`http://${CANARY}@example.com/`, 'must not contain credentials (host example.com)'],
    [`http://:${CANARY}@example.com/`, 'must not contain credentials (host example.com)'],
    [`http://example.com/${CANARY.repeat(200)}`, 'may have 2048 characters at most, got 2619'],
    [`http://example.com/${'ü'.repeat(1_000)}`, 'may have 2048 characters at most once it is encoded'],
  ])('the callback URL %j is refused with an error that shows no more than its host', (text, message) => {
    expect(refusal(text)).toBe(`A callback URL ${message}`);
  });

  it.each([
    ['http://169.254.169.254/latest', '169.254.169.254: metadata'],
    ['http://169.254.1.1/', '169.254.1.1: link-local'],
    ['http://2852039166/', '169.254.169.254: metadata'],
    ['http://0xa9.0xfe.0xa9.0xfe/', '169.254.169.254: metadata'],
    ['http://0251.0376.0251.0376/', '169.254.169.254: metadata'],
    ['http://169.254.43518/', '169.254.169.254: metadata'],
    ['http://169.254.169.254./', '169.254.169.254: metadata'],
    ['http://①⑥⑨.254.169.254/', '169.254.169.254: metadata'],
    ['http://[::ffff:a9fe:a9fe]/', '[::ffff:a9fe:a9fe]: metadata'],
    ['http://[::169.254.169.254]:80/', '[::a9fe:a9fe]: metadata'],
    ['http://[64:ff9b::169.254.169.254]/', '[64:ff9b::a9fe:a9fe]: metadata'],
    ['http://[fd00:ec2::254]/', '[fd00:ec2::254]: metadata'],
    ['http://0/', '0.0.0.0: unspecified'],
    ['http://[::]:8080/', '[::]:8080: unspecified'],
    ['https://[ff02::1]/', '[ff02::1]: multicast'],
  ])('a callback URL with a forbidden address is refused: %s', (text, host) => {
    expect(refusal(text)).toBe(`A callback URL must not lead to ${host} addresses are refused`);
    expect(refusal(text, { allowHosts: [new URL(text).host] })).toContain(host);
  });

  it.each([
    ['http://2130706433/', '127.0.0.1: loopback'],
    ['http://0x7f.1/', '127.0.0.1: loopback'],
    ['http://127.1:81/', '127.0.0.1:81: loopback'],
    ['http://[::ffff:7f00:1]/', '[::ffff:7f00:1]: loopback'],
    ['http://[::1]/', '[::1]: loopback'],
    ['http://10.1/', '10.0.0.1: private'],
    ['http://[fd12::1]/', '[fd12::1]: private'],
    ['http://100.64.0.1/', '100.64.0.1: carrier-grade-nat'],
  ])('publicOnly refuses a callback URL with a local address: %s', (text, host) => {
    expect(parseCallbackUrl(text, {})).toBeInstanceOf(URL);
    expect(refusal(text, { publicOnly: true })).toBe(`A callback URL must not lead to ${host} addresses are refused`);
  });
});

describe('allowHosts', () => {
  it.each([
    ['example.com', 'https://example.com/a'],
    ['example.com', 'http://EXAMPLE.com:8080/a'],
    ['Example.COM', 'http://example.com./a'],
    ['example.com.', 'http://example.com/a'],
    ['*.example.com', 'http://a.example.com/'],
    ['*.example.com', 'http://b.a.example.com:81/'],
    ['*.example.com:81', 'http://b.a.example.com:81/'],
    ['example.com:8080', 'http://example.com:8080/'],
    ['example.com:80', 'http://example.com/'],
    ['example.com:443', 'https://example.com/'],
    ['10.0.0.9:3000', 'http://10.0.0.9:3000/'],
    ['[::1]', 'http://[::1]:3000/'],
    ['[0:0::1]:3000', 'http://[::1]:3000/'],
    ['bücher.example', 'http://xn--bcher-kva.example/'],
    ['my_service', 'http://my_service/'],
  ])('the allowed host %s allows %s', (pattern, text) => {
    expect(parseCallbackUrl(text, { allowHosts: ['other.test', pattern] })).toBeInstanceOf(URL);
  });

  it.each([
    ['example.com', 'http://a.example.com/'],
    ['example.com', 'http://example.com.evil.test/'],
    ['example.com', 'http://evilexample.com/'],
    ['*.example.com', 'http://example.com/'],
    ['*.example.com', 'http://evilexample.com/'],
    ['example.com:8080', 'http://example.com/'],
    ['example.com:80', 'https://example.com/'],
    ['example.com:443', 'http://example.com/'],
    ['10.0.0.9', 'http://10.0.0.90/'],
  ])('the allowed host %s does not allow %s', (pattern, text) => {
    expect(refusal(`${text}${CANARY}`, { allowHosts: [pattern] })).toBe(
      `A callback URL must name one of the allowed hosts, not ${new URL(text).host}`,
    );
  });

  it('an empty list of allowed hosts allows none', () => {
    expect(refusal('http://example.com/', { allowHosts: [] })).toContain('one of the allowed hosts');
  });

  it('an allowed host is still refused when publicOnly is set and its address is private', () => {
    expect(refusal('http://10.0.0.9/', { allowHosts: ['10.0.0.9'], publicOnly: true })).toContain('private');
  });

  it.each([
    '',
    '*',
    '*.',
    '*.*.example.com',
    'a.*.com',
    'http://example.com',
    'example.com/',
    'example.com:',
    'example.com:123456',
    'example.com:65536',
    'user@example.com',
    '::1',
    '999.1.1.1',
    7,
    null,
  ])('allowHosts rejects the pattern %j', (pattern) => {
    const allowHosts = ['example.com', pattern] as string[];
    expect(() => assertCallbackRules({ allowHosts })).toThrow(/^allowHosts\[1\] must be a host such as/);
  });

  it('allowHosts has to be an array', () => {
    const allowHosts = 'example.com' as unknown as string[];
    expect(() => assertCallbackRules({ allowHosts })).toThrow('allowHosts must be an array, got a string');
  });
});

describe('the rules of callback URLs', () => {
  it('every rule of callback URLs is optional', () => {
    expect(() => assertCallbackRules({})).not.toThrow();
    expect(() => assertCallbackRules({ publicOnly: true, allowHosts: ['*.example.com:81'] })).not.toThrow();
  });

  it('publicOnly has to be a boolean', () => {
    const publicOnly = 'false' as unknown as boolean;
    expect(() => assertCallbackRules({ publicOnly })).toThrow('publicOnly must be a boolean, got "false"');
  });
});
