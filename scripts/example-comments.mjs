// @ts-check
// This module translates the comments of examples, since Chinese pages show the same compiled code as the English ones.
// It replaces the comments by the entries of a catalogue, from the text of an English comment to its translation.
import { parseSync } from 'oxc-parser';

const REGION = /^\s*#(?:end)?region\b/;

/** @typedef {Readonly<Record<string, string>>} Catalogue */

/**
 * @typedef {object} Comment
 * @property {string} text as the catalogue has it: lines that were only wrapped are joined
 * @property {number} start
 * @property {number} end
 * @property {'line' | 'block' | 'doc'} kind
 * @property {string} indent the text before it on its line if that is only white space
 * @property {boolean} isAlone whether no code stands before it on its line
 */

/**
 * Finds the comments of a program. Line comments on consecutive lines count as one, and markers of regions are skipped.
 *
 * @param {string} file a name whose extension identifies the language
 * @param {string} source
 */
export function commentsOf(file, source) {
  /** @type {Comment[]} */
  const comments = [];
  for (const { type, value, start, end } of parseSync(file, source).comments) {
    if (REGION.test(value)) continue;
    const before = source.slice(source.lastIndexOf('\n', start - 1) + 1, start);
    const isAlone = before.trim() === '';
    const indent = isAlone ? before : '';
    const previous = comments.at(-1);
    const kind = type === 'Line' ? 'line' : value.startsWith('*') ? 'doc' : 'block';
    const text = kind === 'line' ? value.trim() : blockText(value);
    if (kind === 'line' && isAlone && previous?.kind === 'line' && continues(source, previous, start)) {
      previous.text += ` ${text}`;
      previous.end = end;
    } else comments.push({ text, start, end, kind, indent, isAlone });
  }
  return comments;
}

/**
 * Returns the program with the comments translated that the catalogue contains.
 *
 * @param {string} file
 * @param {string} source
 * @param {Catalogue} catalogue
 */
export function translateComments(file, source, catalogue) {
  let translated = source;
  for (const comment of commentsOf(file, source).reverse()) {
    const translation = translationOf(catalogue, comment.text);
    if (translation === undefined) continue;
    translated = translated.slice(0, comment.start) + written(comment, translation) + translated.slice(comment.end);
  }
  return translated;
}

/**
 * Returns the translation of a comment; `undefined` if the catalogue has none.
 *
 * @param {Catalogue} catalogue
 * @param {string} text
 */
export function translationOf(catalogue, text) {
  return Object.hasOwn(catalogue, text) ? catalogue[text] : undefined;
}

/**
 * Lists the problems of the catalogue itself: entries that no Chinese page uses, and entries that are not in order.
 *
 * @param {Catalogue} catalogue
 * @param {ReadonlySet<string>} used the comments that Chinese pages show
 */
export function catalogueProblems(catalogue, used) {
  const keys = Object.keys(catalogue);
  const problems = keys.filter((key) => !used.has(key)).map((key) => `no Chinese page shows the comment "${key}"`);
  const misplaced = keys.find((key, index) => index > 0 && key < (keys[index - 1] ?? ''));
  if (misplaced !== undefined) problems.push(`"${misplaced}" is not in the order of the keys`);
  return problems;
}

/**
 * @param {string} source
 * @param {Comment} previous
 * @param {number} start
 */
function continues(source, previous, start) {
  return previous.isAlone && /^\n[ \t]*$/.test(source.slice(previous.end, start));
}

/**
 * Joins the lines of a block comment, except where a paragraph or a tag begins.
 *
 * @param {string} value
 */
function blockText(value) {
  const lines = value.split('\n').map((line) => line.replace(/^\s*\*+ ?/, '').trim());
  return lines
    .join('\n')
    .replace(/\n(?![\n@])(?<!\n\n)/g, ' ')
    .replace(/\n+/g, '\n')
    .trim();
}

/**
 * @param {Comment} comment
 * @param {string} translation
 */
function written({ kind, indent }, translation) {
  const lines = translation.split('\n');
  if (kind === 'line') return lines.map((line) => `// ${line}`).join(`\n${indent}`);
  const opening = kind === 'doc' ? '/**' : '/*';
  if (lines.length === 1) return `${opening} ${translation} */`;
  return [opening, ...lines.map((line) => ` * ${line}`.trimEnd()), ' */'].join(`\n${indent}`);
}
