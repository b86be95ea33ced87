import { describeName, describeNumber } from '../../core/primitives/redact.js';
import { forbiddenAt, isXmlName } from './xml-characters.js';

/** The content of an element: a text, a number, or elements in their order. */
export type XmlContent = string | number | readonly (readonly [name: string, content: XmlContent])[];

/**
 * Returns an element as XML. Texts are written as CDATA, numbers as plain text, as WeChat expects them.
 *
 * @throws TypeError for a name that is none, a number that is not finite, and a text with a character that XML cannot
 *   contain. The message names the element, and shows nothing of a text.
 */
export function writeXml(name: string, content: XmlContent): string {
  if (!isXmlName(name)) {
    throw new TypeError(`an element must be named by letters, digits, _ . and -, got ${describeName(name)}`);
  }
  return `<${name}>${written(name, content)}</${name}>`;
}

function written(name: string, content: XmlContent): string {
  if (typeof content === 'string') return cdata(name, content);
  if (typeof content !== 'number') return content.map(([child, inner]) => writeXml(child, inner)).join('');
  if (Number.isFinite(content)) return String(content);
  throw new TypeError(`<${name}> must be a finite number, got ${describeNumber(content)}`);
}

/**
 * Writes a text as CDATA. Its end mark is divided between two sections. A carriage return becomes a reference outside of
 * them, because readers turn a literal one into a line feed.
 */
function cdata(name: string, text: string): string {
  const forbidden = forbiddenAt(text);
  if (forbidden !== -1) {
    throw new TypeError(`<${name}> must not contain a character that XML forbids, as its character ${forbidden + 1}`);
  }
  const divided = text.replaceAll(']]>', ']]]]><![CDATA[>').replaceAll('\r', ']]>&#13;<![CDATA[');
  return `<![CDATA[${divided}]]>`;
}
