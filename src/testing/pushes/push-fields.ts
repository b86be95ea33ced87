import { isArray } from '../../core/primitives/foreign-objects.js';
import { isJsonObject } from '../../core/primitives/json.js';
import { describeKind } from '../../core/primitives/redact.js';
import { readXmlFields, type XmlSource, xmlOf } from '../envelope/xml-fields.js';

/**
 * A value of a field of a push: a text, a number, fields, or several of these under one name.
 *
 * @public
 */
export type FakePushValue = string | number | FakePushFields | readonly (string | number | FakePushFields)[];

/**
 * The fields of a push or of the reply to it, by WeChat's own names. In what a test pushes, missing fields that every push of
 * its kind has are filled in, and those that are `undefined` are left out.
 *
 * @public
 */
export interface FakePushFields {
  /** A field. */
  readonly [name: string]: FakePushValue | undefined;
}

/** The format of pushes: XML, or JSON as shops and some mini programs get it. */
export type FakePushFormat = 'xml' | 'json';

type Entries = readonly (readonly [name: string, content: XmlSource])[];

/** Ids of messages have more digits than a number of JavaScript holds, and are numbers nevertheless. */
const MESSAGE_ID = /"(MsgId|MsgID)":"(\d{1,20})"/g;

/**
 * Writes fields as WeChat does.
 *
 * @throws TypeError for a value that is no field, and for a text with a character that XML cannot contain.
 */
export function textOfFields(fields: FakePushFields, format: FakePushFormat): string {
  if (format === 'json') return JSON.stringify(fields).replace(MESSAGE_ID, '"$1":$2');
  return xmlOf('xml', entriesOf(fields));
}

/**
 * Reads the fields of a text.
 *
 * @throws an error for a text that is not of the format.
 */
export function fieldsOfText(text: string, format: FakePushFormat): FakePushFields {
  if (format === 'xml') return readXmlFields(text);
  const fields: unknown = JSON.parse(text);
  if (!isJsonObject(fields)) throw new TypeError('the text is no JSON object');
  return fields as FakePushFields;
}

function entriesOf(fields: object): Entries {
  return Object.entries(fields).flatMap(([name, value]): Entries => {
    if (value === undefined) return [];
    const members: readonly unknown[] = isArray(value) ? value : [value];
    return members.map((member) => [name, contentOf(name, member)]);
  });
}

function contentOf(name: string, value: unknown): XmlSource {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (isJsonObject(value)) return entriesOf(value);
  throw new TypeError(`${name} of a push must be a text, a number, an object or an array, got ${describeKind(value)}`);
}
