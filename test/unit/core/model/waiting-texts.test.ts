import { expect, test } from 'vitest';
import { dependencyIsMissing } from '../../../../src/core/model/waiting-texts.js';

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
