// @ts-check
// This module fills the code blocks of pages from regions of compiled examples, so that code works when a user tries it.
import { commentsOf, translateComments, translationOf } from './example-comments.mjs';
import { parsePage } from './markdown-page.mjs';

const REGION = /^\s*\/\/ #(region|endregion)\b\s*(\S*)/;
const COMPILED = new Set(['ts', 'typescript', 'js', 'javascript', 'mjs', 'cjs', 'tsx', 'jsx']);
const EXEMPT = new Set(['sh', 'json', 'nginx', 'text', 'yaml', 'dockerfile', 'ini', 'sql']);

/** @typedef {import('./example-comments.mjs').Catalogue} Catalogue */

/**
 * @typedef {object} Examples
 * @property {(file: string) => string} read
 * @property {Catalogue | undefined} comments the translations, on a Chinese page
 */

/**
 * Returns the lines between `// #region name` and `// #endregion`, moved to the left, without the markers of regions within.
 *
 * @param {string} source
 * @param {string} name
 */
export function region(source, name) {
  const { first, last } = linesOf(source, name);
  const lines = source
    .split('\n')
    .slice(first, last)
    .filter((line) => !REGION.test(line));
  while (lines[0]?.trim() === '') lines.shift();
  while (lines.at(-1)?.trim() === '') lines.pop();
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(indent)).join('\n');
}

/**
 * Returns the comments within a region.
 *
 * @param {string} file
 * @param {string} source
 * @param {string} name
 */
export function commentsIn(file, source, name) {
  const { first, last } = linesOf(source, name);
  return commentsOf(file, source)
    .filter(({ start }) => {
      const line = source.slice(0, start).split('\n').length - 1;
      return line >= first && line < last;
    })
    .map(({ text }) => text);
}

/**
 * Lists the problems of the code blocks of a page.
 *
 * @param {string} markdown
 * @param {Examples} examples
 */
export function blockProblems(markdown, examples) {
  /** @type {string[]} */
  const problems = [];
  for (const { language, line, code, example } of parsePage(markdown).blocks) {
    if (example === undefined) {
      if (COMPILED.has(language))
        problems.push(`line ${line}: a ${language} block without "<!-- example: file#region -->"`);
      else if (!EXEMPT.has(language)) problems.push(`line ${line}: a block in "${language}", which no check knows`);
      continue;
    }
    try {
      if (code !== shown(example, examples)) {
        problems.push(`line ${line}: not the same as examples/${example.file}#${example.region}`);
      }
      for (const comment of untranslated(example, examples)) {
        problems.push(`line ${line}: examples/comments.zh-CN.json has no translation of "${comment}"`);
      }
    } catch (error) {
      problems.push(`line ${line}: examples/${example.file}: ${/** @type {Error} */ (error).message}`);
    }
  }
  return problems;
}

/**
 * Returns the page with every marked block replaced by its region.
 *
 * @param {string} markdown
 * @param {Examples} examples
 */
export function fillBlocks(markdown, examples) {
  const lines = markdown.split('\n');
  for (const { line, code, example } of parsePage(markdown).blocks.reverse()) {
    if (example === undefined) continue;
    const old = code === '' && lines[line] !== '' ? 0 : code.split('\n').length;
    lines.splice(line, old, ...shown(example, examples).split('\n'));
  }
  return lines.join('\n');
}

/**
 * Returns a region in the form that the page shows.
 *
 * @param {{ file: string, region: string }} example
 * @param {Examples} examples
 */
function shown({ file, region: name }, { read, comments }) {
  const source = read(file);
  return region(comments === undefined ? source : translateComments(file, source, comments), name);
}

/**
 * @param {{ file: string, region: string }} example
 * @param {Examples} examples
 */
function untranslated({ file, region: name }, { read, comments }) {
  if (comments === undefined) return [];
  return commentsIn(file, read(file), name).filter((text) => translationOf(comments, text) === undefined);
}

/**
 * Finds the lines between the markers of a region, counted from 0.
 *
 * @param {string} source
 * @param {string} name
 */
function linesOf(source, name) {
  const lines = source.split('\n');
  let depth = 0;
  let first = -1;
  for (const [index, line] of lines.entries()) {
    const [, mark, marked] = REGION.exec(line) ?? [];
    if (mark === 'region' && depth === 0 && marked === name) first = index + 1;
    if (mark === 'region' && (depth > 0 || marked === name)) depth += 1;
    else if (mark === 'endregion' && depth > 0) depth -= 1;
    if (mark === 'endregion' && depth === 0 && first !== -1) return { first, last: index };
  }
  throw new Error(`no region "${name}" that is opened and closed`);
}
