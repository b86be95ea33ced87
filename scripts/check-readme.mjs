// @ts-check
// This script checks the READMEs and the guide in both languages: their code is compiled, their links lead somewhere, and
// each page has an equal partner. `--write` copies the regions of the examples into the pages.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { catalogueProblems } from './example-comments.mjs';
import { blockProblems, commentsIn, fillBlocks } from './example-regions.mjs';
import { parsePage } from './markdown-page.mjs';
import { linkProblems } from './page-links.mjs';
import { readmeProblems, shapeProblems } from './page-pairs.mjs';

const README = 'README.md';
/** The limit of lines of a README, which can be read in five minutes. */
const README_LINES = 200;
const CATALOGUE = 'examples/comments.zh-CN.json';
const REFERENCE = 'docs/reference';
const GUIDE_FOLDERS = ['docs/guide', REFERENCE];
const GUIDE_PAGES = ['docs/faq.md'];
/** The folders with further pages whose links are checked. */
const LINKING_FOLDERS = ['.', 'docs', 'bench', 'examples/reminders', 'test/upgrades'];

/** @typedef {{ english: string, chinese: string }} Pair */

/**
 * Names the Chinese partner of an English page.
 *
 * @param {string} english
 */
function partnerOf(english) {
  return english.replace(/\.md$/, '.zh-CN.md');
}

/**
 * Lists the pages that have a partner: the READMEs and the guide. One of the two is enough for a pair.
 *
 * @param {string} root
 * @returns {Pair[]}
 */
export function pairsOf(root) {
  const guide = GUIDE_FOLDERS.flatMap((folder) => pagesIn(root, folder));
  const found = [README, ...GUIDE_PAGES.flatMap((page) => [page, partnerOf(page)]), ...guide]
    .filter((page) => page === README || existsSync(join(root, page)))
    .map((page) => page.replace(/\.zh-CN\.md$/, '.md'));
  return [...new Set(found)].map((english) => ({ english, chinese: partnerOf(english) }));
}

/**
 * Lists all that is wrong, each problem after the name of its page.
 *
 * @param {string} root
 */
export function pageProblems(root) {
  const read = (/** @type {string} */ file) => readFileSync(join(root, file), 'utf8');
  const readExample = (/** @type {string} */ file) => read(`examples/${file}`);
  const catalogue = JSON.parse(read(CATALOGUE));
  const pairs = pairsOf(root);
  const pages = pairs.flatMap(({ english, chinese }) => [english, chinese]);
  const present = pages.filter((page) => existsSync(join(root, page)));
  const examplesOn = (/** @type {string} */ page) => parsePage(read(page)).blocks.filter(({ example }) => example);
  const shownTo = (/** @type {boolean} */ isChinese) => present.filter((page) => isChinesePage(page) === isChinese);
  const guidePages = shownTo(false).filter((page) => page !== README);
  const guide = new Set(guidePages.flatMap(examplesOn).map(({ example }) => example?.file ?? ''));
  const translated = shownTo(true)
    .flatMap(examplesOn)
    .flatMap(({ example }) => (example === undefined ? [] : commentsOfExample(readExample, example)));
  const linking = LINKING_FOLDERS.flatMap((folder) => pagesIn(root, folder));

  /** @type {string[]} */
  const problems = [];
  const add = (/** @type {string} */ page, /** @type {string[]} */ found) =>
    problems.push(...found.map((problem) => `${page}: ${problem}`));
  for (const page of pages) if (!present.includes(page)) problems.push(`${page} is missing`);
  // The code of the reference comes from the doc comments from which it is generated.
  for (const page of present.filter((name) => !name.startsWith(`${REFERENCE}/`))) {
    add(page, blockProblems(read(page), { read: readExample, comments: isChinesePage(page) ? catalogue : undefined }));
  }
  for (const page of [README, partnerOf(README)]) if (present.includes(page)) add(page, lengthProblems(read(page)));
  for (const page of new Set([...present, ...linking])) add(page, linkProblems(root, page));
  for (const { english, chinese } of pairs) {
    if (!present.includes(english) || !present.includes(chinese)) continue;
    const [one, other] = [read(english), read(chinese)];
    add(chinese, english === README ? readmeProblems(one, other, guide) : shapeProblems(one, other));
  }
  add(CATALOGUE, catalogueProblems(catalogue, new Set(translated)));
  return problems;
}

/**
 * Reports whether a README is too long. Longer texts belong on a page of the guide.
 *
 * @param {string} markdown
 */
function lengthProblems(markdown) {
  const lines = markdown.trimEnd().split('\n').length;
  return lines <= README_LINES ? [] : [`${lines} lines, more than ${README_LINES}`];
}

/**
 * Copies the regions into every page.
 *
 * @param {string} root
 */
function writePages(root) {
  const catalogue = JSON.parse(readFileSync(join(root, CATALOGUE), 'utf8'));
  for (const page of pairsOf(root).flatMap(({ english, chinese }) => [english, chinese])) {
    const path = join(root, page);
    if (!existsSync(path)) continue;
    const examples = {
      read: (/** @type {string} */ file) => readFileSync(join(root, 'examples', file), 'utf8'),
      comments: isChinesePage(page) ? catalogue : undefined,
    };
    writeFileSync(path, fillBlocks(readFileSync(path, 'utf8'), examples));
  }
}

/**
 * Returns the comments of a region, or none if there is no such region, which is a problem of the page already.
 *
 * @param {(file: string) => string} readExample
 * @param {{ file: string, region: string }} example
 */
function commentsOfExample(readExample, { file, region }) {
  try {
    return commentsIn(file, readExample(file), region);
  } catch {
    return [];
  }
}

/** @param {string} page */
function isChinesePage(page) {
  return page.endsWith('.zh-CN.md');
}

/**
 * @param {string} root
 * @param {string} folder
 */
function pagesIn(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.md'));
  return names.sort().map((name) => (folder === '.' ? name : `${folder}/${name}`));
}

/** @param {string} root */
function main(root) {
  if (process.argv.includes('--write')) writePages(root);
  const problems = pageProblems(root);
  const pages = pairsOf(root).length * 2;
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log(`${pages} pages are right.`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(fileURLToPath(new URL('..', import.meta.url)));
