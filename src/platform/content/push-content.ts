import { isJson, textOfJson } from '../envelope/pushed-json.js';
import type { EnvelopeFormat } from '../envelope/read-envelope.js';
import { readXml } from '../xml/read-xml.js';
import { XmlElement } from '../xml/xml-element.js';
import { XmlRefused } from '../xml/xml-refused.js';
import { PushRefused } from './push-refused.js';

/**
 * The content of what WeChat pushed: an element of its XML, or a field of its JSON in the same form.
 *
 * @public
 */
export interface PushContent {
  /** The name of the element. */
  readonly name: string;
  /** The text of the element; empty if it contains others. */
  readonly text: string;
  /** The elements inside this one by their names, those of one name in their order. */
  readonly children: ReadonlyMap<string, readonly PushContent[]>;
  /**
   * Returns the text of the only element of this name inside this one; `undefined` if there is none.
   *
   * @throws an error if there are several, or if it contains elements.
   */
  textOf(name: string): string | undefined;
}

/** A content, and the format in which it arrived. */
export interface ReadContent {
  readonly content: XmlElement;
  readonly format: EnvelopeFormat;
}

const MAX_DEPTH = 8;
const MAX_FIELDS = 512;
const ROOT = 'xml';
/** Ids of messages have more digits than a number of JavaScript holds, so that they are read as texts. */
const MESSAGE_ID = /"(MsgId|MsgID)"([ \t\r\n]*):([ \t\r\n]*)(\d{1,20})/g;

/**
 * Reads the content of a push.
 *
 * @throws PushRefused for what is neither XML nor JSON of the expected form. The message shows nothing of it.
 */
export function readContent(message: Uint8Array): ReadContent {
  if (isJson(message)) return { content: readJson(message), format: 'json' };
  try {
    return { content: readXml(message), format: 'xml' };
  } catch (error) {
    if (error instanceof XmlRefused) throw new PushRefused(400, `the pushed message cannot be read: ${error.message}`);
    throw error;
  }
}

function readJson(message: Uint8Array): XmlElement {
  const text = textOfJson(message);
  if (text === undefined) throw new PushRefused(400, 'the pushed message cannot be read: its JSON is not UTF-8');
  const fields = { left: MAX_FIELDS };
  return elementOf(ROOT, parsed(text.replace(MESSAGE_ID, '"$1"$2:$3"$4"')), 1, fields);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PushRefused(400, 'the pushed message cannot be read: its JSON has a syntax error');
  }
}

function elementOf(name: string, value: unknown, depth: number, fields: { left: number }): XmlElement {
  fields.left -= 1;
  if (fields.left < 0 || depth > MAX_DEPTH) {
    throw new PushRefused(400, `the pushed message has more than ${MAX_FIELDS} fields or ${MAX_DEPTH} levels`);
  }
  if (typeof value !== 'object' || value === null) {
    return new XmlElement(name, 0, value === null ? '' : String(value), new Map());
  }
  const children = new Map(
    Object.entries(value).map(([child, inner]) => {
      const members: readonly unknown[] = Array.isArray(inner) ? inner : [inner];
      return [child, members.map((member) => elementOf(child, member, depth + 1, fields))];
    }),
  );
  return new XmlElement(name, 0, '', children);
}
