import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TrustedPeers } from '../../../../src/http/access/trusted-peers.js';

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['127.0.0.1', '::ffff:7f00:1', true],
  ['127.0.0.1', '::ffff:127.0.0.1', true],
  ['127.0.0.1', '::127.0.0.1', false],
  ['127.0.0.1', '64:ff9b::7f00:1', false],
  ['::/96', '::127.0.0.1', true],
  ['::/96', '::ffff:127.0.0.1', false],
  ['::1/128', '::1', true],
  ['::1/128', '127.0.0.1', false],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['::/0', '2001:db8::1', true],
  ['::/0', '::ffff:203.0.113.9', false],
  ['::ffff:0:0/96', '203.0.113.9', true],
  ['10.0.0.0/31', '10.0.0.1', true],
  ['10.0.0.0/31', '10.0.0.2', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['10.0.0.0/8', '010.0.0.1', false],
  ['10.0.0.0/8', '10.1', false],
  ['10.0.0.0/8', '167772161', false],
])('the trust entry %s trusts the peer %s: %s', (entry, peer, isTrusted) => {
  expect(new TrustedPeers([entry]).has(peer)).toBe(isTrusted);
});

test('a peer in one of several networks is trusted, and an empty list trusts none', () => {
  expect(new TrustedPeers(['10.0.0.0/8', '::1']).has('::1')).toBe(true);
  expect(new TrustedPeers([]).has('127.0.0.1')).toBe(false);
});

describe('malformed trust entries', () => {
  test.each([
    ['10.1.2.3/8', '"10.1.2.3/8"'],
    ['::1/64', '"::1/64"'],
    ['010.0.0.0/8', '"010.0.0.0/8"'],
    ['fe80::1%eth0', '"fe80::1%eth0"'],
    ['10.0.0.0/8\n', '"10.0.0.0/8\\n"'],
    ['localhost', '"localhost"'],
    ['', 'an empty string'],
    ['a-name-that-may-be-a-secret', 'a string'],
    [null, 'null'],
    [{}, 'an object'],
  ])('the trust entry %j is rejected', (entry, shown) => {
    expect(() => new TrustedPeers(['::1', entry])).toThrow(TypeError);
    expect(() => new TrustedPeers(['::1', entry])).toThrow(/^trust must contain addresses, and networks like/);
    if (shown !== 'an empty string') expect(() => new TrustedPeers([entry])).toThrow(`got ${shown}`);
  });

  test('trust has to be an array', () => {
    expect(() => new TrustedPeers('10.0.0.0/8')).toThrow(new TypeError('trust must be an array, got a string'));
  });
});

test('an IPv4 peer is trusted like the same address mapped into IPv6', () => {
  const peers = new TrustedPeers(['10.0.0.0/9', '128.0.0.0/1']);
  fc.assert(
    fc.property(fc.ipV4(), (peer) => {
      expect(peers.has(`::ffff:${peer}`)).toBe(peers.has(peer));
    }),
  );
});

test('no peer address throws', () => {
  const peers = new TrustedPeers(['10.0.0.0/8', 'fd00::/8']);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV6()), (peer) => {
      expect([true, false]).toContain(peers.has(peer));
    }),
  );
});
