import { describe, expect, test } from 'vitest';
import { HostNames } from '../../../../src/http/access/host-names.js';

const names = new HostNames(['tokens.example.com', 'Tokens', 'corp.test.']);

describe('HostNames', () => {
  test.each([
    'tokens.example.com',
    'tokens.example.com:9001',
    'TOKENS.Example.com.',
    'tokens:80',
    'corp.test',
    '10.0.0.5',
    '10.0.0.5:9001',
    '203.0.113.9',
    '[::1]:9001',
    '[fd00::5]',
    'localhost:9001',
    'LOCALHOST.',
    'a.localhost',
  ])('the host %s is a name of the server', (host) => {
    expect(names.has(host)).toBe(true);
  });

  test.each([
    undefined,
    '',
    'evil.example',
    'evil.example:9001',
    'a.tokens.example.com',
    'example.com',
    '10.0.0.5.nip.io',
    'localhost.evil.example',
    '10.0.5',
    '0x7f.1',
    'tokens.example.com:9001@evil.example',
  ])('the host %s is not a name of the server', (host) => {
    expect(names.has(host)).toBe(false);
  });

  test('addresses and localhost alone are names of a server without hostNames', () => {
    const none = new HostNames([]);
    expect([none.areGiven, none.has('127.0.0.1:9001'), none.has('tokens.example.com')]).toEqual([false, true, false]);
    expect(names.areGiven).toBe(true);
  });

  test.each([
    ['https://tokens.example.com'],
    ['tokens.example.com:9001'],
    ['tokens.example.com/x'],
    ['*.example.com'],
    ['a..b'],
    [''],
    [`${'a'.repeat(254)}`],
    [7],
    [undefined],
  ])('hostNames rejects the name %s', (name) => {
    expect(() => new HostNames([name])).toThrow(/^hostNames must contain names like tokens\.example\.com/);
  });
});
