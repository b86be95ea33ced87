import { XmlRefused } from './xml-refused.js';

/**
 * Represents an element of an XML document: it has either text or other elements. Text is in a private field, because
 * it may be a secret that neither `inspect` nor JSON should show.
 */
export class XmlElement {
  readonly name: string;
  /** The place of the start tag in the document, in characters. */
  readonly offset: number;
  readonly #text: string;
  readonly #children: ReadonlyMap<string, readonly XmlElement[]>;

  constructor(name: string, offset: number, text: string, children: ReadonlyMap<string, readonly XmlElement[]>) {
    this.name = name;
    this.offset = offset;
    this.#text = text;
    this.#children = children;
  }

  /** Returns the whole text, white space included; an empty text for an element that contains others. */
  get text(): string {
    return this.#text;
  }

  /** Returns the elements inside this one by their names, those of one name in their order. */
  get children(): ReadonlyMap<string, readonly XmlElement[]> {
    return this.#children;
  }

  /**
   * Returns the only element of this name; `undefined` if there is none.
   *
   * @throws XmlRefused if there are several, since two readers could choose different ones.
   */
  child(name: string): XmlElement | undefined {
    const [first, second] = this.#children.get(name) ?? [];
    if (second !== undefined) throw new XmlRefused(`a second <${name}>`, second.offset);
    return first;
  }

  /**
   * Returns the text of the only element of this name; `undefined` if there is none.
   *
   * @throws XmlRefused if there are several, or if it contains elements.
   */
  textOf(name: string): string | undefined {
    const child = this.child(name);
    if (child === undefined) return undefined;
    if (child.#children.size > 0) throw new XmlRefused(`elements inside <${name}>`, child.offset);
    return child.#text;
  }

  /**
   * Returns the text of the only element of this name, which must not be empty.
   *
   * @throws XmlRefused if it is absent, empty or repeated, or if it contains elements.
   */
  requiredTextOf(name: string): string {
    const text = this.textOf(name);
    if (text === undefined || text === '') throw new XmlRefused(`no text of <${name}> in the element`, this.offset);
    return text;
  }
}
