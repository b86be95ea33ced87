// #region messages
import type { TokenManager } from 'wechat-token-manager';
import { createPushReceiver, type PushReceiver } from 'wechat-token-manager/platform';

/** A queue for work that takes longer than four seconds. Of two questions with one id it keeps one. */
export interface Questions {
  add(question: { id: string; appid: string; openid: string; text: string }): Promise<void>;
}

export function receiveMessages(tokens: TokenManager, questions: Questions): PushReceiver {
  return createPushReceiver(tokens, {
    async onMessage({ id, appid, from, type, event, content }) {
      if (event === 'subscribe') return { MsgType: 'text', Content: 'Welcome! What would you like to know?' };
      if (type !== 'text') return undefined; // answered with "success": the user sees no reply
      await questions.add({ id, appid, openid: from, text: content.textOf('Content') ?? '' });
      return { MsgType: 'text', Content: 'One moment, please.' };
    },
  });
}
// #endregion
