import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { connectionsWithin } from '../../../../../src/cli/serve/processes/open-files.js';

const LIMITS = [
  'Limit                     Soft Limit           Hard Limit           Units     ',
  'Max processes             96000                96000                processes ',
  'Max open files            1024                 524288               files     ',
  'Max locked memory         67108864             67108864             bytes     ',
].join('\n');

test.each([
  [10_000, 0.75, 768],
  [10_000, 0.25, 256],
  [500, 0.75, 500],
])('of 1,024 file descriptors, at most %i and a share of %f are for connections: %i', (most, share, expected) => {
  expect(connectionsWithin(most, share, LIMITS)).toBe(expected);
});

test.each([
  ['without a limit', LIMITS.replace('1024 ', 'unlimited ')],
  ['on a system that does not tell its limits', ''],
])('%s there may be as many connections as wanted', (_where, limits) => {
  expect(connectionsWithin(10_000, 0.75, limits)).toBe(10_000);
});

test.runIf(process.platform === 'linux')('the limit of this process is read', () => {
  const [, openFiles] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  expect(connectionsWithin(1_000_000_000, 0.5)).toBe(openFiles === undefined ? 1_000_000_000 : Number(openFiles) >> 1);
});
