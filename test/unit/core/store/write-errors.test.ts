import { expect, test } from 'vitest';
import { tokenKey } from '../../../../src/core/model/token-key.js';
import {
  contended,
  goneError,
  isChangedMeanwhile,
  unregisteredError,
} from '../../../../src/core/store/write-errors.js';

const KEY = tokenKey('wx1', 'access_token', 's');

test('a contended document is an error of the store that passes', () => {
  const expected = { code: 'STORE_UNAVAILABLE', retryable: true };
  expect(contended('the history')).toMatchObject(expected);
  expect(contended('the history').message).toBe('other processes kept changing the history: try again later');
  expect(isChangedMeanwhile(KEY)).toMatchObject({ ...expected, appid: 'wx1', type: 'access_token', subject: 's' });
  expect(isChangedMeanwhile(KEY).message).toContain('the stored record');
});

test('a registration that is awaited is an error that passes, and one that is gone is final', () => {
  expect(goneError(KEY, 'awaited')).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true, subject: 's' });
  expect(goneError(KEY, 'awaited').message).toMatch(/^the store was replaced, .* of wx1 has not been put back yet$/);
  expect(goneError(KEY, 'gone')).toMatchObject({ code: 'NOT_REGISTERED', retryable: false, subject: 's' });
  expect(goneError(KEY, 'gone').message).toMatch(/^wx1 was unregistered, .* while its access_token was refreshed$/);
});

test('a task cannot be added to an app that is no longer registered', () => {
  expect(unregisteredError('wx1')).toMatchObject({ code: 'NOT_REGISTERED', appid: 'wx1', retryable: false });
  expect(unregisteredError('wx1').message).toMatch(/^wx1 is no longer registered/);
});
