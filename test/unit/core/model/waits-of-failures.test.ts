import { expect, test } from 'vitest';
import { isBackingOff } from '../../../../src/core/model/backoff.js';
import { TokenError } from '../../../../src/core/model/errors.js';

const NOW = 1_700_000_000_000;

test.each<[string, object, boolean]>([
  ['UPSTREAM_UNAVAILABLE', { retryable: true }, true],
  ['UPSTREAM_UNAVAILABLE', { retryable: false }, true],
  ['UPSTREAM_REJECTED', { retryable: true }, true],
  ['UPSTREAM_REJECTED', { retryable: false }, false],
  ['UPSTREAM_UNAVAILABLE', { retryable: true, retryAt: NOW + 1 }, false],
  ['UPSTREAM_UNAVAILABLE', { retryable: true, retryAt: NOW }, true],
  ['UPSTREAM_UNAVAILABLE', { retryable: true, retryAt: Number.POSITIVE_INFINITY }, true],
])(
  'whether the next attempt after %s %j comes from a back-off, which callers may cut short: %s',
  (code, facts, expected) => {
    expect(isBackingOff(new TokenError(code, 'no', facts), NOW)).toBe(expected);
  },
);
