import type { GuardedAnswer } from '../../callbacks/guarded-request.js';
import { isJsonObject } from '../../core/primitives/json.js';
import { describeKind } from '../../core/primitives/redact.js';
import { textOfUtf8 } from '../../core/primitives/utf8-text.js';
import { readXml } from '../xml/read-xml.js';
import { XmlRefused } from '../xml/xml-refused.js';
import { fieldsOf } from './forwarded-fields.js';

const NO_REPLY: readonly string[] = ['', 'success'];

/**
 * Returns the reply in the answer of a target: JSON `{ "reply": { ... } }`, or the XML in which WeChat takes a reply in clear.
 * Without a reply, for which a body may also be empty or `success`, it returns `undefined`.
 *
 * @throws TypeError for every other answer. The message shows nothing of the body.
 */
export function replyIn({ status, body }: GuardedAnswer): object | undefined {
  if (status < 200 || status > 299) throw new TypeError(`it answered with status ${status}`);
  const text = textOfUtf8(body)?.trim();
  if (text === undefined) throw new TypeError('its answer is not encoded in UTF-8');
  if (NO_REPLY.includes(text)) return undefined;
  return text.startsWith('<') ? replyOfXml(text) : replyOfJson(text);
}

function replyOfXml(text: string): object {
  try {
    const root = readXml(Buffer.from(text));
    if (root.name !== 'xml') throw new XmlRefused('another root element than <xml>', root.offset);
    return fieldsOf(root);
  } catch (error) {
    if (error instanceof XmlRefused) throw new TypeError(`its answer cannot be read: ${error.message}`);
    throw error;
  }
}

function replyOfJson(text: string): object | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new TypeError('its answer is neither JSON like {"reply":{...}} nor XML');
  }
  if (!isJsonObject(answer)) {
    throw new TypeError(`its answer must be an object like {"reply":{...}}, got ${describeKind(answer)}`);
  }
  const { reply } = answer;
  if (reply === undefined && answer['MsgType'] !== undefined) {
    throw new TypeError('the fields of its answer must be inside reply, as in {"reply":{...}}');
  }
  if (reply === undefined || reply === null) return undefined;
  if (!isJsonObject(reply)) throw new TypeError(`reply in its answer must be an object, got ${describeKind(reply)}`);
  return reply;
}
