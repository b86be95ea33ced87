import { describe, expect, test } from 'vitest';
import {
  assertWait,
  type CallOptions,
  type GetOptions,
  type RefreshCallOptions,
  readCallOptions,
  readGetOptions,
  readRefreshOptions,
  readSubject,
} from '../../../../src/core/calls/call-options.js';

const signal = new AbortController().signal;
const isStale = () => false;

const READERS = {
  readSubject: (options: unknown) => readSubject(options as object),
  readGetOptions: (options: unknown) => readGetOptions(options as GetOptions),
  readCallOptions: (options: unknown) => readCallOptions(options as CallOptions),
  readRefreshOptions: (options: unknown) => readRefreshOptions(options as RefreshCallOptions),
};

test.each<[keyof typeof READERS, object]>([
  ['readSubject', { subject: 's' }],
  ['readSubject', {}],
  ['readGetOptions', { subject: 's', minValidityMs: 1, timeoutMs: 2, signal }],
  ['readCallOptions', { subject: 's', timeoutMs: 2, signal, isStale }],
  ['readCallOptions', {}],
  ['readRefreshOptions', { subject: 's', timeoutMs: 2, signal, stale: 'token' }],
  ['readRefreshOptions', { subject: 's', timeoutMs: 2, signal, force: true }],
])('%s copies the options %j', (reader, options) => {
  const copy = READERS[reader](options);
  expect(copy).toStrictEqual(options);
  expect(copy).not.toBe(options);
});

test.each<[keyof typeof READERS, object, string]>([
  ['readSubject', { timeoutMs: 1 }, 'the options of this call: unknown name "timeoutMs", expected one of subject'],
  [
    'readGetOptions',
    { force: true },
    'the options of this call: unknown name "force", expected one of subject, minValidityMs, timeoutMs, signal',
  ],
  [
    'readCallOptions',
    { stale: 'x' },
    'the options of this call: unknown name "stale", expected one of subject, timeoutMs, signal, isStale',
  ],
  ['readCallOptions', { isStale: true }, 'isStale must be a function, got a boolean'],
  [
    'readRefreshOptions',
    { minValidityMs: 1, force: true },
    'the options of this call: unknown name "minValidityMs", expected one of subject, timeoutMs, signal, stale, force',
  ],
  ['readRefreshOptions', {}, 'refresh takes exactly one of stale and force, got neither'],
  ['readRefreshOptions', { stale: 'CANARY', force: true }, 'refresh takes exactly one of stale and force, got both'],
  ['readRefreshOptions', { force: false }, 'force must be true, got false'],
  ['readRefreshOptions', { force: 'CANARY' }, 'force must be true, got a string'],
  ['readRefreshOptions', { stale: '' }, 'stale must be the token that was rejected, got an empty string'],
  ['readRefreshOptions', { stale: 5 }, 'stale must be the token that was rejected, got a number'],
])('%s refuses the options %j', (reader, options, message) => {
  expect(() => READERS[reader](options)).toThrow(new TypeError(message));
});

describe('the limits of a wait', () => {
  test.each([
    [undefined, undefined],
    [0, undefined],
    [2_147_483_647, signal],
  ])('the limits of a wait may be %s ms and a signal', (timeoutMs, given) => {
    expect(() => assertWait(timeoutMs, given)).not.toThrow();
  });

  test.each<[unknown, unknown, string]>([
    [-1, undefined, 'timeoutMs must be a number from 0 to 2147483647, got -1'],
    [2_147_483_648, undefined, 'timeoutMs must be a number from 0 to 2147483647, got 2147483648'],
    [null, undefined, 'timeoutMs must be a number from 0 to 2147483647, got null'],
    [undefined, null, 'signal must be an AbortSignal, got null'],
    [undefined, new AbortController(), 'signal must be an AbortSignal, got an object'],
  ])('the limits of a wait may not be %s and %s', (timeoutMs, given, message) => {
    expect(() => assertWait(timeoutMs, given)).toThrow(new TypeError(message));
  });
});
