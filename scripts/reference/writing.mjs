// @ts-check
// This module provides the parts that all blocks use: items with their texts in the language of the page, cells, and tables.
import { docText } from './doc-text.mjs';
import { keyOf, typeOf } from './items.mjs';

/**
 * @typedef {import('./items.mjs').ApiItem} ApiItem
 * @typedef {import('./items.mjs').ApiDeclaredItem} ApiDeclaredItem
 * @typedef {import('./doc-text.mjs').DocText} DocText
 */

/**
 * @typedef {object} Writing
 * @property {ReadonlyMap<string, ApiItem>} items
 * @property {readonly import('./serve-options.mjs').ServeOption[]} serveOptions
 * @property {(key: string, part: string, english: string) => string} say returns the text in the language of the page
 * @property {(name: string) => string | undefined} linkTo returns the address of an item from the page
 * @property {(problem: string) => void} report
 */

/**
 * @param {string} name
 * @param {Writing} writing
 */
export function itemOf(name, { items }) {
  const item = items.get(name);
  if (item === undefined) throw new Error(`there is no public ${name}`);
  return /** @type {ApiDeclaredItem} */ (item);
}

/**
 * Returns the texts of an item in the language of the page; with `brief` without its details.
 *
 * @param {ApiItem} item
 * @param {Writing} writing
 * @param {{ brief?: boolean }} [options]
 * @returns {DocText}
 */
export function told(item, writing, { brief = false } = {}) {
  const words = docText(item, writing.linkTo);
  const key = keyOf(item);
  if (words === undefined) {
    writing.report(`${key} has no doc comment`);
    return { text: '', details: [], remarks: undefined, defaultValue: undefined, bounds: undefined };
  }
  const say = (/** @type {string} */ part, /** @type {string | undefined} */ english) =>
    english === undefined ? undefined : writing.say(key, part, english);
  const details = brief ? [] : words.details;
  return {
    text: writing.say(key, 'text', words.text),
    details: details.map((detail, index) => writing.say(key, `details${index + 1}`, detail)),
    remarks: say('remarks', words.remarks),
    defaultValue: say('default', words.defaultValue),
    bounds: say('bounds', words.bounds),
  };
}

/**
 * Returns a word or sentence that many blocks share.
 *
 * @param {string} part
 * @param {string} english
 * @param {Writing} writing
 */
export function label(part, english, { say }) {
  return say('labels', part, english);
}

/**
 * @param {readonly string[]} heads
 * @param {readonly (readonly string[])[]} rows
 * @param {Writing} writing
 */
export function table(heads, rows, writing) {
  const shown = heads.map((head) => label(head, head, writing));
  return [shown, heads.map(() => '---'), ...rows].map(row).join('\n');
}

/** @param {readonly string[]} cells */
function row(cells) {
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
}

/** @param {string} text */
export function cellCode(text) {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

/**
 * Returns the type of a property, with a link to the first item that it mentions.
 *
 * @param {ApiDeclaredItem} property
 * @param {Writing} writing
 */
export function typeCell(property, writing) {
  return linkedCode(typeOf(property), mentionedIn(property), writing);
}

/**
 * @param {string} text
 * @param {readonly string[]} mentioned
 * @param {Writing} writing
 */
export function linkedCode(text, mentioned, writing) {
  const target = mentioned.map((name) => writing.linkTo(name)).find((address) => address !== undefined);
  return target === undefined ? cellCode(text) : `[${cellCode(text)}](${target})`;
}

/** @param {ApiDeclaredItem} item */
export function mentionedIn({ excerpt }) {
  return excerpt.spannedTokens.filter(({ kind }) => kind === 'Reference').map(({ text }) => text);
}
