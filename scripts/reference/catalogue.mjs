// @ts-check
// The Chinese texts of the reference. Each stands beside the hash of the English that it translates, so that a change of the
// English is noticed: the hash is only updated for an entry that is named, after its translation has been looked at.
import { createHash } from 'node:crypto';

/**
 * @typedef {Record<string, string>} Texts the texts of an item by their part: `text`, `default`, `bounds`, ...
 * @typedef {Record<string, Texts>} English
 * @typedef {Record<string, Texts & { hash: string }>} Catalogue
 */

const HASH_LENGTH = 12;

/** @param {Texts} texts */
export function hashOf(texts) {
  const parts = Object.keys(texts)
    .toSorted()
    .map((part) => [part, texts[part]]);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, HASH_LENGTH);
}

/**
 * Says where a catalogue does not fit the English: what is missing, what was translated from an older text, and what nothing
 * uses.
 *
 * @param {English} english
 * @param {Catalogue} catalogue
 * @returns {string[]}
 */
export function catalogueProblems(english, catalogue) {
  const problems = Object.entries(english).flatMap(([key, texts]) => {
    const entry = catalogue[key];
    if (entry === undefined) return [`${key} is missing`];
    const missing = Object.keys(texts).filter((part) => !entry[part]);
    const unused = Object.keys(entry).filter((part) => part !== 'hash' && !(part in texts));
    return [
      ...missing.map((part) => `${key}: "${part}" is missing`),
      ...unused.map((part) => `${key}: "${part}" is used by no page`),
      ...(entry.hash === hashOf(texts)
        ? []
        : [`${key} is stale: the English has changed; translate, then --accept "${key}"`]),
    ];
  });
  const unused = Object.keys(catalogue).filter((key) => !(key in english));
  return [...problems, ...unused.map((key) => `${key} is used by no page`)];
}

/**
 * Returns whether every text has a translation, up to date or not.
 *
 * @param {English} english
 * @param {Catalogue} catalogue
 */
export function isTranslated(english, catalogue) {
  return Object.entries(english).every(([key, texts]) => Object.keys(texts).every((part) => catalogue[key]?.[part]));
}

/**
 * Returns the catalogue with the hashes of the entries that a translator has looked at.
 *
 * @param {Catalogue} catalogue
 * @param {English} english
 * @param {readonly string[]} keys
 * @returns {Catalogue}
 */
export function accept(catalogue, english, keys) {
  const unknown = keys.filter((key) => !(key in english) || !(key in catalogue));
  if (unknown.length > 0) throw new Error(`nothing to accept: ${unknown.join(', ')}`);
  const accepted = Object.fromEntries(
    keys.map((key) => [key, { ...catalogue[key], hash: hashOf(english[key] ?? {}) }]),
  );
  return /** @type {Catalogue} */ ({ ...catalogue, ...accepted });
}

/**
 * Tells a text that has to be translated from one that is only code, numbers and signs.
 *
 * @param {string} text
 */
export function needsTranslation(text) {
  return /[A-Za-z]/.test(text.replace(/`[^`]*`/g, '').replace(/\]\([^)]*\)/g, ']'));
}
