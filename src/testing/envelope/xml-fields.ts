/** The elements of a document by name, those of one name in their order. */
export interface XmlFields {
  readonly [name: string]: XmlNode | readonly XmlNode[];
}

type XmlNode = string | XmlFields;

/** The content of an element that is written; texts become CDATA sections, numbers plain text. */
export type XmlSource = string | number | readonly (readonly [name: string, content: XmlSource])[];

const NAME = '[A-Za-z_][\\w.-]*';
const ONLY_NAME = new RegExp(`^${NAME}$`);
const TOKEN = new RegExp(
  `<!\\[CDATA\\[(?<cdata>[^]*?)\\]\\]>|<(?<start>${NAME})\\s*(?<empty>/?)>|</(?<end>${NAME})\\s*>|(?<text>[^<]+)`,
  'y',
);
const DECLARATION = /^\ufeff?(<\?xml [^<>]*\?>)?/;
const REFERENCE = /&(?:#(\d{1,7})|#x([\dA-Fa-f]{1,6})|(amp|lt|gt|quot|apos));|&/g;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const WHITE = /^[ \t\r\n]*$/;
/** The characters that XML 1.0 does not allow. */
const FORBIDDEN = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * Writes an element as WeChat does.
 *
 * @throws TypeError for a name that is none and a character that XML does not allow. It shows nothing of a text.
 */
export function xmlOf(name: string, content: XmlSource): string {
  if (!ONLY_NAME.test(name)) throw new TypeError('a field must be named by letters, digits, _ . and -');
  if (typeof content === 'object') {
    return `<${name}>${content.map(([child, inner]) => xmlOf(child, inner)).join('')}</${name}>`;
  }
  if (typeof content === 'number') {
    if (!Number.isFinite(content)) throw new TypeError(`<${name}> must be a finite number`);
    return `<${name}>${content}</${name}>`;
  }
  if (FORBIDDEN.test(content)) throw new TypeError(`<${name}> must not contain a character that XML forbids`);
  // A literal carriage return would be read as a line feed, and the end mark of a section cannot stand inside it.
  const sections = content.replace(/\]\]>|\r/g, (part) => (part === '\r' ? ']]>&#13;<![CDATA[' : ']]]]><![CDATA[>'));
  return `<${name}><![CDATA[${sections}]]></${name}>`;
}

/**
 * Reads a document whose root element is `<xml>`, and returns what is in it.
 *
 * @throws SyntaxError for anything but elements without attributes, text and CDATA. It shows nothing of the document.
 */
export function readXmlFields(document: string): XmlFields {
  const root: OpenElement = { name: '', text: '', children: [] };
  const open = [root];
  const innermost = (): OpenElement => open[open.length - 1] as OpenElement;
  const close = (name: string): void => {
    const closed = open.pop();
    if (closed === undefined || closed === root || closed.name !== name) throw refused('tags that do not match');
    innermost().children.push([name, contentOf(closed)]);
  };
  let at = DECLARATION.exec(document)?.[0].length ?? 0;
  while (at < document.length) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(document)?.groups;
    if (groups === undefined) throw refused('markup that WeChat does not use');
    at = TOKEN.lastIndex;
    const { cdata, start, empty, end, text } = groups;
    if (start !== undefined) {
      open.push({ name: start, text: '', children: [] });
      if (empty !== '') close(start);
    } else if (end !== undefined) close(end);
    else innermost().text += cdata ?? referred(text ?? '');
  }
  const [first, second] = root.children;
  if (open.length > 1 || first === undefined) throw refused('an early end');
  if (first[0] !== 'xml' || second !== undefined || !WHITE.test(root.text)) throw refused('another root than <xml>');
  const [, content] = first;
  if (typeof content === 'object') return content;
  if (!WHITE.test(content)) throw refused('text in place of fields');
  return {};
}

interface OpenElement {
  readonly name: string;
  text: string;
  readonly children: (readonly [name: string, content: XmlNode])[];
}

function contentOf({ text, children }: OpenElement): XmlNode {
  if (children.length === 0) return text;
  if (!WHITE.test(text)) throw refused('text beside elements');
  const byName = new Map<string, XmlNode[]>();
  for (const [name, content] of children) byName.set(name, [...(byName.get(name) ?? []), content]);
  const only = [...byName].map(([name, [first, ...others]]) => [
    name,
    others.length === 0 ? first : [first, ...others],
  ]);
  return Object.fromEntries(only) as XmlNode;
}

function referred(text: string): string {
  return text.replace(REFERENCE, (_, decimal?: string, hexadecimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? '';
    const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
    if (Number.isNaN(code) || code > 0x10ffff) throw refused('a reference that stands for nothing');
    return String.fromCodePoint(code);
  });
}

function refused(fault: string): SyntaxError {
  return new SyntaxError(`the XML has ${fault}`);
}
