import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../../../src/cli/failures/usage-error.js';
import { accessMode, namesLoopback } from '../../../../../src/cli/serve/processes/access-mode.js';
import { SERVE_OPTIONS } from '../../../../support/servers/serve-options.js';

describe('the access mode', () => {
  it.each([
    ['127.0.0.1', {}, 'loopback'],
    ['127.9.9.9', {}, 'loopback'],
    ['::1', {}, 'loopback'],
    ['localhost', {}, 'loopback'],
    ['127.0.0.1', { keys: 'keys.json' }, 'keys'],
    ['0.0.0.0', { keys: 'keys.json' }, 'keys'],
    ['::', { trust: ['10.0.0.0/8'] }, 'trust'],
    ['0.0.0.0', { keys: 'keys.json', trust: ['10.0.0.0/8'] }, 'keys, trust'],
    ['0.0.0.0', { anonymous: true }, 'anonymous'],
    ['127.0.0.1', { anonymous: true }, 'anonymous'],
  ])('access on %s with %o is %s', (host, given, mode) => {
    expect(accessMode({ ...SERVE_OPTIONS, host, ...given })).toBe(mode);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'tokens.example', 'localhost.example', '128.0.0.1'])(
    'access has to be configured on %s',
    (host) => {
      const open = (): unknown => accessMode({ ...SERVE_OPTIONS, host });
      expect(open).toThrow(UsageError);
      expect(open).toThrow(`--host ${host} can be reached by other machines: add --keys <file> or --trust <network>`);
    },
  );
});

describe('the host of a request', () => {
  it.each([
    undefined,
    '127.0.0.1',
    '127.0.0.1:9001',
    'localhost',
    'LOCALHOST:9001',
    'localhost.:80',
    'a.localhost:1',
    '[::1]',
    '[::1]:9001',
  ])('the host of a request is this machine: %s', (header) => {
    expect(namesLoopback(header)).toBe(true);
  });

  it.each([
    '',
    'evil.example',
    'evil.example:9001',
    'localhost.evil.example',
    '10.0.0.1',
    '[::2]:1',
    '127.0.0.1.nip.io',
    '1',
  ])('the host of a request is another machine: %s', (header) => {
    expect(namesLoopback(header)).toBe(false);
  });
});
