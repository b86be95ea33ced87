import { expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { failureError, failureFacts } from '../../../../src/core/model/failure-facts.js';

const KEY = { appid: 'wx1', type: 'access_token', subject: 's' };

test('an error is stored with the facts that it has, and is restored with those of its key', () => {
  const facts = { retryable: false, errcode: 40_164, errmsg: 'not in whitelist', rid: 'r-1', ip: '192.0.2.1' };
  const error = new TokenError('UPSTREAM_REJECTED', 'no', { ...KEY, ...facts });
  const stored = failureFacts(error);
  expect(stored).toStrictEqual({ code: 'UPSTREAM_REJECTED', message: 'no', ...facts });
  expect(failureError(stored, KEY)).toMatchObject({ code: 'UPSTREAM_REJECTED', message: 'no', ...facts, ...KEY });
});

test('an error without facts is stored without them', () => {
  const stored = failureFacts(new TokenError('TIMEOUT', 'late', { ...KEY, retryable: true }));
  expect(stored).toStrictEqual({ code: 'TIMEOUT', message: 'late', retryable: true });
});
