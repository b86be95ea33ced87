// #region forward-pushes
import type { TokenManager } from 'wechat-token-manager';
import { createPushReceiver, type PushReceiver } from 'wechat-token-manager/platform';

/** @param notifySecret - `whsec_` and the base64 of 24 to 64 random bytes. It signs what receivers are sent. */
export function forwardPushes(tokens: TokenManager, notifySecret: string): PushReceiver {
  return createPushReceiver(tokens, {
    forward: [
      { event: ['subscribe', 'unsubscribe'], url: 'https://crm.example.com/wechat' },
      { msgType: 'text', url: 'https://bot.example.com/wechat' },
    ],
    notifySecret,
  });
}
// #endregion
