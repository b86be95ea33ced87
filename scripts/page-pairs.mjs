// @ts-check
// This module checks that a page in English and its partner in Chinese have the same content. Pages of the guide must
// have the same order. The Chinese README is written for its readers in an order of its own, so that it must contain what
// the English one does, and may contain more.
import { parsePage } from './markdown-page.mjs';

/** The languages whose comments begin with `#`. A page translates these comments by hand. */
const HASH_COMMENTS = new Set(['sh', 'yaml', 'dockerfile', 'ini', 'nginx']);

/** @typedef {import('./markdown-page.mjs').Block} Block */

/**
 * Lists the differences in the structure of two pages: the levels of their headings, their code blocks and their tables.
 *
 * @param {string} english
 * @param {string} chinese
 */
export function shapeProblems(english, chinese) {
  const [one, other] = [parsePage(english), parsePage(chinese)];
  return [
    ...firstDifference('heading', one.headings, other.headings, headingShape, (heading) => `"${heading}"`),
    ...firstDifference('code block', one.blocks, other.blocks, blockShape, lineOf),
    ...firstDifference('table', one.tables, other.tables, tableShape, lineOf),
  ];
}

/**
 * Lists the parts of the English README that the Chinese one lacks, and code that only Chinese readers would see.
 *
 * @param {string} english
 * @param {string} chinese
 * @param {ReadonlySet<string>} guide the files of which the English pages of the guide show code
 */
export function readmeProblems(english, chinese, guide) {
  const [one, other] = [parsePage(english), parsePage(chinese)];
  const isShown = (/** @type {Block} */ { language }) => language !== 'text';
  const blocks = missing(one.blocks.filter(isShown), other.blocks, blockShape);
  const tables = missing(one.tables, other.tables, tableShape);
  const alone = missing(other.blocks, one.blocks, blockShape)
    .filter(({ example }) => example !== undefined)
    .filter(({ example }) => !guide.has(example?.file ?? ''));
  return [
    ...blocks.map((block) => `the Chinese page lacks the code block of ${lineOf(block)}`),
    ...tables.map((table) => `the Chinese page lacks the table of ${lineOf(table)}, ${tableShape(table)}`),
    ...alone.map((block) => `no English page shows ${exampleOf(block)}, which the Chinese page has`),
  ];
}

/**
 * Names the region that a block shows.
 *
 * @param {Block} block
 */
function exampleOf({ example }) {
  return example === undefined ? '' : `${example.file}#${example.region}`;
}

/**
 * Returns the parts of a heading that must be the same in both languages: its level and the code in it.
 *
 * @param {string} heading
 */
function headingShape(heading) {
  return `${/^#*/.exec(heading)?.[0]} ${[...heading.matchAll(/`[^`]+`/g)].join(' ')}`;
}

/**
 * Returns the parts of a block that must be the same in both languages. Comments and drawings may be translated. The code
 * of a region is compared with its example, not with the other page.
 *
 * @param {Block} block
 */
function blockShape(block) {
  const { language, code, example } = block;
  if (example !== undefined || language === 'text') return `${language} ${exampleOf(block)}`;
  const lines = HASH_COMMENTS.has(language) ? code.replace(/(^|\s)#.*$/gm, '').split('\n') : [code];
  return [language, ...lines.map((line) => line.trimEnd())].join('\n');
}

/** @param {import('./markdown-page.mjs').Table} table */
function tableShape({ columns, rows }) {
  return `${columns} columns and ${rows} rows`;
}

/** @param {{ line: number }} part */
function lineOf({ line }) {
  return `line ${line}`;
}

/**
 * @template Part
 * @param {string} what
 * @param {Part[]} left
 * @param {Part[]} right
 * @param {(part: Part) => string} shape
 * @param {(part: Part) => string} name
 */
function firstDifference(what, left, right, shape, name) {
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const [one, other] = [left[index], right[index]];
    if (one !== undefined && other !== undefined && shape(one) === shape(other)) continue;
    const names = [one, other].map((part) => (part === undefined ? 'nothing' : name(part)));
    return [`${what} ${index + 1} differs: ${names[0]} stands against ${names[1]}`];
  }
  return [];
}

/**
 * Returns the parts without a matching part among the others, each of which matches only once.
 *
 * @template Part
 * @param {Part[]} wanted
 * @param {Part[]} present
 * @param {(part: Part) => string} shape
 */
function missing(wanted, present, shape) {
  const left = present.map(shape);
  return wanted.filter((part) => {
    const index = left.indexOf(shape(part));
    if (index !== -1) left.splice(index, 1);
    return index === -1;
  });
}
