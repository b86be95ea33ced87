import { isArray } from '../../core/primitives/foreign-objects.js';
import { isJsonObject } from '../../core/primitives/json.js';
import { describeKind } from '../../core/primitives/redact.js';
import type { EnvelopeFormat } from '../envelope/read-envelope.js';
import { writeXml, type XmlContent } from '../xml/write-xml.js';
import type { PushedMessage } from './pushed-message.js';

/**
 * A value of a field of a reply: a text, a number, fields, or several of these under one name.
 *
 * @public
 */
export type PushReplyValue = string | number | PushReplyFields | readonly (string | number | PushReplyFields)[];

/**
 * The fields of a part of a reply.
 *
 * @public
 */
export interface PushReplyFields {
  readonly [name: string]: PushReplyValue;
}

/**
 * The reply to a message, by WeChat's own names, such as `{ MsgType: 'text', Content: 'Hello' }`. `ToUserName`,
 * `FromUserName` and `CreateTime` are filled in.
 *
 * @public
 */
export interface PushReply extends PushReplyFields {
  /** The type of the reply, such as `text`. */
  readonly MsgType: string;
}

type Entries = readonly (readonly [name: string, content: XmlContent])[];

/**
 * Returns the text of a reply, in the format of the message.
 *
 * @throws TypeError for what is no reply.
 */
export function replyText(reply: unknown, { from, to }: PushedMessage, format: EnvelopeFormat, now: number): string {
  if (!isJsonObject(reply)) {
    throw new TypeError(`onMessage must return an object with MsgType, or nothing, got ${describeKind(reply)}`);
  }
  const { MsgType: type } = reply;
  if (typeof type !== 'string' || type === '') {
    throw new TypeError(`MsgType of a reply must be a string, got ${describeKind(type)}`);
  }
  const head: Entries = [
    ['ToUserName', from],
    ['FromUserName', to],
    ['CreateTime', Math.floor(now / 1_000)],
  ];
  if (format === 'json') return JSON.stringify({ ...reply, ...Object.fromEntries(head) });
  const names = new Set(head.map(([name]) => name));
  return writeXml('xml', [...head, ...entriesOf(reply).filter(([name]) => !names.has(name))]);
}

function entriesOf(fields: object): Entries {
  return Object.entries(fields).flatMap(([name, value]): Entries => {
    const members: readonly unknown[] = isArray(value) ? value : [value];
    return members.map((member) => [name, contentOf(name, member)]);
  });
}

function contentOf(name: string, value: unknown): XmlContent {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (isJsonObject(value)) return entriesOf(value);
  throw new TypeError(`${name} of a reply must be a text, a number, an object or an array, got ${describeKind(value)}`);
}
