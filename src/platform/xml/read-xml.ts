import { forbiddenAt, isWhite, isXmlName } from './xml-characters.js';
import { XmlElement } from './xml-element.js';
import { XmlRefused } from './xml-refused.js';

const MAX_BYTES = 65_536;
const MAX_DEPTH = 8;
const MAX_ELEMENTS = 512;
/** The longest declaration, so that the pattern below, which may read spaces twice, never reads many. */
const MAX_DECLARATION = 100;
const DECLARATION =
  /^<\?xml[ \t\r\n]+version *= *(["'])1\.0\1(?:[ \t\r\n]+encoding *= *(["'])[Uu][Tt][Ff]-8\2)?(?:[ \t\r\n]+standalone *= *(["'])(?:yes|no)\3)?[ \t\r\n]*$/;
const ENTITIES = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }));

/** An element whose end tag has not been read. */
interface OpenElement {
  readonly name: string;
  readonly offset: number;
  readonly children: Map<string, XmlElement[]>;
  text: string;
}

/**
 * Reads the XML of a push: elements without attributes, text, CDATA, and references to characters, in UTF-8. Everything
 * else is refused, DOCTYPE and comments included, and so is a document of more than 64 KiB, 8 levels or 512 elements.
 * The time it takes is linear in the size, whatever the content.
 *
 * @throws XmlRefused naming the fault and where it is.
 */
export function readXml(bytes: Uint8Array): XmlElement {
  return new XmlScanner(decoded(bytes)).document();
}

/** Decodes UTF-8. A byte order mark is kept, so that the places in messages are right. */
function decoded(bytes: Uint8Array): string {
  if (bytes.length > MAX_BYTES) throw new XmlRefused('no end', MAX_BYTES, 'byte');
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const again = Buffer.from(text);
  const wrong = again.equals(bytes) ? -1 : again.findIndex((byte, index) => byte !== bytes[index]);
  if (wrong !== -1) throw new XmlRefused('bytes that are not UTF-8', wrong, 'byte');
  const forbidden = forbiddenAt(text);
  if (forbidden !== -1) throw new XmlRefused('a forbidden character', forbidden);
  return text;
}

/** Reads a document from its beginning to its end, once. */
class XmlScanner {
  readonly #source: string;
  readonly #open: OpenElement[] = [];
  #at = 0;
  #elements = 0;
  #root: XmlElement | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  document(): XmlElement {
    this.#takes('\ufeff');
    this.#readDeclaration();
    while (this.#at < this.#source.length) {
      if (this.#source[this.#at] === '<') this.#readMarkup(this.#at);
      else this.#readText(this.#at);
    }
    if (this.#root === undefined) throw new XmlRefused('an early end', this.#at);
    return this.#root;
  }

  #readDeclaration(): void {
    const from = this.#at;
    if (!this.#takes('<?xml')) return;
    const declaration = this.#source.slice(from, this.#skipPast('?>') - 2);
    if (declaration.length <= MAX_DECLARATION && DECLARATION.test(declaration)) return;
    throw new XmlRefused('a wrong declaration', from);
  }

  #readMarkup(from: number): void {
    if (this.#takes('</')) this.#readEndTag(from);
    else if (this.#takes('<![CDATA[')) this.#readCdata(from);
    else if (this.#takes('<!--')) throw new XmlRefused('a comment', from);
    else if (this.#takes('<!')) throw new XmlRefused('a DOCTYPE or another declaration', from);
    else if (this.#takes('<?')) throw new XmlRefused('a processing instruction', from);
    else this.#readStartTag(from);
  }

  #readStartTag(offset: number): void {
    const end = this.#skipPast('>') - 1;
    const isEmpty = this.#source[end - 1] === '/';
    const name = nameIn(this.#source.slice(offset + 1, isEmpty ? end - 1 : end), offset);
    if (this.#root !== undefined) throw new XmlRefused('a second root element', offset);
    if (this.#open.length === MAX_DEPTH) throw new XmlRefused(`more than ${MAX_DEPTH} levels`, offset);
    if (++this.#elements > MAX_ELEMENTS) throw new XmlRefused(`more than ${MAX_ELEMENTS} elements`, offset);
    this.#open.push({ name, offset, children: new Map(), text: '' });
    if (isEmpty) this.#close(name, offset);
  }

  #readEndTag(offset: number): void {
    this.#close(nameIn(this.#source.slice(offset + 2, this.#skipPast('>') - 1), offset), offset);
  }

  #close(name: string, offset: number): void {
    const closed = this.#open.pop();
    if (closed?.name !== name) throw new XmlRefused('an end tag of another element', offset);
    const { children, text } = closed;
    if (children.size > 0 && !isWhite(text)) throw new XmlRefused('text beside elements', closed.offset);
    const element = new XmlElement(name, closed.offset, children.size > 0 ? '' : text, children);
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else if (parent.children.get(name)?.push(element) === undefined) parent.children.set(name, [element]);
  }

  #readText(from: number): void {
    const end = this.#source.indexOf('<', from);
    const raw = this.#source.slice(from, end === -1 ? undefined : end);
    this.#at = from + raw.length;
    if (this.#open.length === 0 && isWhite(raw)) return;
    const closing = raw.indexOf(']]>');
    if (closing !== -1) throw new XmlRefused('the end of a CDATA section', from + closing);
    let text = '';
    let done = 0;
    for (let next = raw.indexOf('&'); next !== -1; next = raw.indexOf('&', done)) {
      const semicolon = raw.indexOf(';', next);
      const character = semicolon === -1 ? undefined : characterOf(raw.slice(next + 1, semicolon));
      if (character === undefined) throw new XmlRefused('an unknown reference', from + next);
      text += lines(raw.slice(done, next)) + character;
      done = semicolon + 1;
    }
    this.#addText(text + lines(raw.slice(done)), from);
  }

  #readCdata(from: number): void {
    this.#addText(lines(this.#source.slice(this.#at, this.#skipPast(']]>') - 3)), from);
  }

  #addText(text: string, offset: number): void {
    const parent = this.#open.at(-1);
    if (parent === undefined) throw new XmlRefused('text outside the root element', offset);
    parent.text += text;
  }

  #takes(text: string): boolean {
    const isNext = this.#source.startsWith(text, this.#at);
    if (isNext) this.#at += text.length;
    return isNext;
  }

  /** Continues after the next place of a text, and returns where that is. */
  #skipPast(text: string): number {
    const found = this.#source.indexOf(text, this.#at);
    if (found === -1) throw new XmlRefused(`no ${text} after the markup`, this.#at);
    this.#at = found + text.length;
    return this.#at;
  }
}

/** Returns literal text as XML defines it: every end of a line is a line feed, unless it is written as a reference. */
function lines(literal: string): string {
  return literal.includes('\r') ? literal.replace(/\r\n?/g, '\n') : literal;
}

/** Returns the name of an element from what is between the brackets of its tag: XML allows white space behind it only. */
function nameIn(tag: string, offset: number): string {
  const end = tag.search(/[ \t\r\n]/);
  const name = end === -1 ? tag : tag.slice(0, end);
  if (!isXmlName(name)) throw new XmlRefused('a tag with a malformed name', offset);
  if (end !== -1 && !isWhite(tag.slice(end))) throw new XmlRefused('a tag with an attribute', offset);
  return name;
}

/** Returns the character that a reference stands for; `undefined` if there is no such character. */
function characterOf(reference: string): string | undefined {
  const digits = /^#(?:x([0-9A-Fa-f]+)|([0-9]+))$/.exec(reference);
  if (digits === null) return ENTITIES.get(reference);
  const [, hexadecimal, decimal = ''] = digits;
  const code = hexadecimal === undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal, 16);
  if (code > 0x10ffff) return undefined;
  const character = String.fromCodePoint(code);
  return forbiddenAt(character) === -1 ? character : undefined;
}
