import { expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { attemptLacked, dependencyIsMissing } from '../../../../src/core/model/waiting-texts.js';

test.each(['WeChat answered 40125 (invalid appsecret): The secret is wrong.', 'no ticket has been stored'])(
  'the reason for waiting for a dependency ends without a full stop: %s',
  (why) => {
    const key = { appid: 'wx1', type: 'jsapi_ticket' };
    const dependency = { appid: 'wx1', type: 'access_token' };
    const { reason } = dependencyIsMissing(key, dependency, why);
    expect(reason).toMatch(/^access_token of wx1 has no usable token: .*[^.]$/);
    expect(why).toContain(reason.split('token: ')[1]);
  },
);

test.each([
  ['STORE_UNAVAILABLE', 'store', /^Check the disk, Redis or database/],
  ['TIMEOUT', 'dependency', /^It is retried automatically/],
  ['NOT_REGISTERED', 'process', /^Register the app and the task/],
  ['INPUT_MISSING', 'params', /^Register the app and the task/],
] as const)(
  'the remedy for an attempt that was prevented by %s fits what the key waits for',
  (code, waitingFor, remedy) => {
    const key = { appid: 'wx1', type: 'jsapi_ticket' };
    expect(attemptLacked(key, new TokenError(code, 'the reason'))).toEqual({
      waitingFor,
      reason: 'the reason',
      remedy: expect.stringMatching(remedy),
      root: key,
    });
  },
);
