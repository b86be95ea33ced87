// @ts-check
// This module manages the Chinese texts of the reference. Each is stored with the hash of the English text that it
// translates, so that a change of the English is noticed. A hash is only updated for an entry that is named after its
// translation has been checked.
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
 * Lists the entries of the catalogue that are missing, were translated from an older English text, or are unused.
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
 * Returns the catalogue with new hashes for the entries that a translator has checked.
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
 * Returns whether a text has to be translated, and does not only consist of code, numbers and signs.
 *
 * @param {string} text
 */
export function needsTranslation(text) {
  return /[A-Za-z]/.test(text.replace(/`[^`]*`/g, '').replace(/\]\([^)]*\)/g, ']'));
}
