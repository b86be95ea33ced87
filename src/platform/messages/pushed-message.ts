import { secretHash } from '../../core/primitives/secret-hash.js';
import type { PushContent } from '../content/push-content.js';
import { createTimeOf, requiredText } from '../content/push-fields.js';

/**
 * A message or an event that WeChat pushed to an account.
 *
 * @public
 */
export interface PushedMessage {
  /** The account that it was pushed to. */
  readonly appid: string;
  /** The platform through which it was pushed; `undefined` for an account of its own. */
  readonly component: string | undefined;
  /** The user who sent it or caused it, by `openid`. */
  readonly from: string;
  /** The account's original id, such as `gh_0123456789ab`. */
  readonly to: string;
  /** The instant that WeChat gives, in epoch milliseconds. */
  readonly createdAt: number;
  /** The type of the message, such as `text` or `event`. */
  readonly type: string;
  /** The event, such as `subscribe`; `undefined` for other messages. */
  readonly event: string | undefined;
  /**
   * A hash that is the same when WeChat repeats the message, to any process, by which a receiver can tell that it has handled
   * it already.
   */
  readonly id: string;
  /** All fields of the message. */
  readonly content: PushContent;
}

/**
 * Reads a message from its content.
 *
 * @throws PushRefused if a field is missing that every message has.
 */
export function messageIn(appid: string, component: string | undefined, content: PushContent): PushedMessage {
  const from = requiredText(content, 'FromUserName');
  const to = requiredText(content, 'ToUserName');
  const createdAt = createTimeOf(content);
  const type = requiredText(content, 'MsgType');
  const event = content.textOf('Event') || undefined;
  const messageId = content.textOf('MsgId') || content.textOf('MsgID') || undefined;
  const parts = messageId === undefined ? [from, String(createdAt), type, event ?? ''] : [messageId];
  const id = secretHash([appid, ...parts].join('\n'));
  return { appid, component, from, to, createdAt, type, event, id, content };
}
