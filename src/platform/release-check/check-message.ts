import { isAuthorizationCode } from '../authorizations/authorization-push.js';
import { isNamedTestAccount } from '../authorizations/test-accounts.js';
import type { PushReply } from '../messages/push-reply.js';
import type { PushedMessage } from '../messages/pushed-message.js';

/** The answer that WeChat's check expects to a message: a reply at once, or later a message with this code. */
export type CheckAnswer = { readonly reply: PushReply } | { readonly code: string };

const TEXT = 'TESTCOMPONENT_MSG_TYPE_TEXT';
const QUERY = 'QUERY_AUTH_CODE:';

/** Returns the answer to a message of WeChat's check; `undefined` for any other message. */
export function checkAnswerTo({ appid, component, to, type, event, content }: PushedMessage): CheckAnswer | undefined {
  if (component === undefined || !isNamedTestAccount(appid, to)) return undefined;
  if (event !== undefined) return { reply: textReply(`${event}from_callback`) };
  const text = type === 'text' ? (content.textOf('Content') ?? '') : '';
  if (text === TEXT) return { reply: textReply(`${TEXT}_callback`) };
  const code = text.startsWith(QUERY) ? text.slice(QUERY.length) : '';
  return isAuthorizationCode(code) ? { code } : undefined;
}

function textReply(content: string): PushReply {
  return { MsgType: 'text', Content: content };
}
