import type { PlatformEvent } from '../messages/platform-event.js';
import type { PushedMessage } from '../messages/pushed-message.js';
import { type ForwardedFields, fieldsOf } from './forwarded-fields.js';

/**
 * The body of a forwarded push, as JSON.
 *
 * @public
 */
export interface ForwardedPush {
  /** A hash that is the same when WeChat repeats the push, to any process. It is also the `webhook-id`. */
  readonly id: string;
  /** The app that the path of the push names last: an account, an authorizer, or a platform itself. */
  readonly appid: string;
  /** The platform that the push is for, or through which it came; absent for an account of its own. */
  readonly component?: string | undefined;
  /** The type of an event of a third-party platform; absent in messages. */
  readonly infoType?: string | undefined;
  /** The type of a message, such as `text` or `event`; absent in the events of a platform. */
  readonly msgType?: string | undefined;
  /** The event of an account, such as `subscribe`; absent in other messages. */
  readonly event?: string | undefined;
  /** The instant that WeChat gives for the push, in epoch milliseconds. */
  readonly createdAt: number;
  /** All fields of the message. */
  readonly content: ForwardedFields;
  /** The decrypted message as WeChat has written it, in XML or JSON. */
  readonly raw: string;
}

/** Returns what is forwarded of a message or an event of an account. */
export function forwardedMessage(message: PushedMessage, raw: Uint8Array): ForwardedPush {
  const { id, appid, component, type: msgType, event, createdAt, content } = message;
  return { id, appid, component, msgType, event, createdAt, content: fieldsOf(content), raw: textOf(raw) };
}

/** Returns what is forwarded of an event of a third-party platform. */
export function forwardedEvent(event: PlatformEvent, raw: Uint8Array): ForwardedPush {
  const { component, infoType, createdAt, content, id } = event;
  return { id, appid: component, component, infoType, createdAt, content: fieldsOf(content), raw: textOf(raw) };
}

/** Returns the text of a message, which is known to be UTF-8 since its content could be read. */
function textOf(raw: Uint8Array): string {
  return new TextDecoder().decode(raw);
}
