import { expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { tokenAwaitedUntil, unsettledRefusal } from '../../../../src/core/store/awaited-tokens.js';
import { NO_KEY_DOCUMENT } from '../../../../src/core/store/key-document.js';

const NOW = 1_000_000;
const NEVER = Number.NEGATIVE_INFINITY;

test.each([
  ['nothing was lost', undefined, NEVER, 0],
  ['it was found lost just now', NOW, NEVER, NOW + 70_000],
  ['it was found lost 69,999 ms ago', NOW - 69_999, NEVER, NOW + 1],
  ['it was found lost 70,000 ms ago', NOW - 70_000, NEVER, 0],
  ['it was found lost by a clock that has been set back since', NOW + 1, NEVER, 0],
  ['the store was found replaced just now', undefined, NOW, NOW + 70_000],
  ['the store was found replaced 69,999 ms ago', undefined, NOW - 69_999, NOW + 1],
  ['the store was found replaced 70,000 ms ago', undefined, NOW - 70_000, 0],
  ['the later of both counts', NOW - 10_000, NOW - 30_000, NOW + 60_000],
])('a refresh token is awaited for 70 s: %s', (_, lostAt, replacedAt, until) => {
  expect(tokenAwaitedUntil({ ...NO_KEY_DOCUMENT, lostAt }, replacedAt, NOW)).toBe(until);
});

test.each([
  ['the store was not replaced', NOW - 1, NEVER, 0],
  ['its grant was there when the store was found replaced', NOW - 1_000, NOW - 1_000, NOW + 69_000],
  ['its grant was obtained since', NOW - 999, NOW - 1_000, 0],
  ['it has no grant', undefined, NOW, NOW + 70_000],
])('a newer refresh token than the stored one is awaited for 70 s: %s', (_, obtainedAt, replacedAt, until) => {
  const grant = obtainedAt === undefined ? {} : { grant: { value: 'token', obtainedAt, expiresAt: NOW, dueAt: NOW } };
  const document = { ...NO_KEY_DOCUMENT, lostAt: NOW, rotation: { token: 'refresh-1' }, ...grant };
  expect(tokenAwaitedUntil(document, replacedAt, NOW)).toBe(until);
});

test('a refusal while a token is awaited says what WeChat said and when to retry', () => {
  const key = { appid: 'wx1', type: 'user_token' };
  const refused = new TokenError('REAUTHORIZATION_REQUIRED', 'refused', { errcode: 40030, errmsg: 'no', rid: 'r1' });
  expect(unsettledRefusal(key, refused, NOW)).toMatchObject({
    ...{ code: 'UPSTREAM_UNAVAILABLE', errcode: 40030, errmsg: 'no', rid: 'r1', retryAt: NOW, retryable: true },
    message: expect.stringMatching(/^refused; /),
  });
});
