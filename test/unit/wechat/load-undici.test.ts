import { expect, test, vi } from 'vitest';
import { loadUndici } from '../../../src/wechat/load-undici.js';

vi.mock('undici', () => {
  throw new Error('no file can be opened');
});
vi.mock('node:module', () => ({
  createRequire: () => () => {
    throw new Error('there is no such package');
  },
}));

test('a failure to load undici is named as such, and lies with this host', async () => {
  await expect(loadUndici()).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
    message: expect.stringMatching(/^The package undici could not be loaded \(/),
    retryable: true,
    hostOnly: true,
  });
});
