import { expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { tokenAwaitedUntil, unsettledRefusal } from '../../../../src/core/store/awaited-tokens.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';

const NOW = 1_000_000;
const NEVER = Number.POSITIVE_INFINITY;

test.each([
  ['nothing was lost', undefined, NEVER, 0],
  ['it was found lost just now', NOW, NEVER, NOW + 70_000],
  ['it was found lost 69,999 ms ago', NOW - 69_999, NEVER, NOW + 1],
  ['it was found lost 70,000 ms ago', NOW - 70_000, NEVER, 0],
  ['it was found lost by a clock that has been set back since', NOW + 1, NEVER, 0],
  ['this process found the store replaced just now', undefined, 0, NOW + 70_000],
  ['this process found the store replaced 69,999 ms ago', undefined, 69_999, NOW + 1],
  ['this process found the store replaced 70,000 ms ago', undefined, 70_000, 0],
  ['the later of both counts', NOW - 10_000, 30_000, NOW + 60_000],
])('a refresh token is awaited for 70 s: %s', (_, lostAt, replacedMsAgo, until) => {
  expect(tokenAwaitedUntil({ ...NO_KEY_DOCUMENT, lostAt }, replacedMsAgo, NOW)).toBe(until);
});

test('no refresh token is awaited where the store has one', () => {
  const document = { ...NO_KEY_DOCUMENT, lostAt: NOW, rotation: { token: 'refresh-1' } };
  expect(tokenAwaitedUntil(document, 0, NOW)).toBe(0);
});

test('a refusal while a token is awaited says what WeChat said and when to retry; other errors are unchanged', () => {
  const key = { appid: 'wx1', type: 'user_token' };
  const refused = new TokenError('REAUTHORIZATION_REQUIRED', 'refused', { errcode: 40030, errmsg: 'no', rid: 'r1' });
  expect(unsettledRefusal(key, refused, NOW)).toMatchObject({
    ...{ code: 'UPSTREAM_UNAVAILABLE', errcode: 40030, errmsg: 'no', rid: 'r1', retryAt: NOW, retryable: true },
    message: expect.stringMatching(/^refused; /),
  });
  const other = new TokenError('UPSTREAM_REJECTED', 'other', { errcode: 40013 });
  expect(unsettledRefusal(key, other, NOW)).toBe(other);
});
