import { expect, test } from 'vitest';
import {
  inputContended,
  pushMissing,
  refresherMissing,
  registrationLost,
} from '../../../../src/core/refresh/missing-inputs.js';

const KEY = { appid: 'wx1', type: 'user_token', subject: 'a' };

test.each([
  [inputContended, 'STORE_UNAVAILABLE', true, 'what user_token is refreshed with'],
  [refresherMissing, 'INPUT_MISSING', false, 'no refresher for user_token'],
  [pushMissing, 'INPUT_MISSING', false, 'no unexpired user_token has been stored'],
  [registrationLost, 'NOT_REGISTERED', false, 'lost the registration of user_token of wx1'],
])('the error of a missing input names its key and says what is missing: %#', (create, code, retryable, words) => {
  const { error } = create(KEY);
  expect(error).toMatchObject({ code, retryable, ...KEY });
  expect(error.message).toContain(words);
});
