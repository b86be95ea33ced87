// #region test-with-put

import { expect, onTestFinished, test } from 'vitest';
import { jsSdkSignature, signJsSdk, TokenManager } from 'wechat-token-manager';

test('a page is signed with the ticket in force', async () => {
  const tokens = new TokenManager();
  onTestFinished(() => tokens.close());
  await tokens.register({ appid: 'wx0123456789abcdef' }); // no secret and no tasks: WeChat is never called
  await tokens.put('wx0123456789abcdef', 'jsapi_ticket', { value: 'ticket-of-the-test', expiresInSeconds: 7200 });

  const url = 'https://www.example.com/page?id=1';
  const { nonceStr, timestamp, signature } = await signJsSdk(tokens, 'wx0123456789abcdef', url);

  expect(signature).toBe(jsSdkSignature({ ticket: 'ticket-of-the-test', nonceStr, timestamp, url }));
});
// #endregion
