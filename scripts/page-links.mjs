// @ts-check
// This module checks that the links of a page lead to existing files of the repository, and to existing headings. A file
// that only exists on this machine, outside the repository or in an ignored folder, is no target.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { parsePage } from './markdown-page.mjs';

/** The links that leave the repository, which are not followed. */
const ELSEWHERE = /^(?:https?|mailto):/;

/**
 * Lists the links of one page that lead nowhere.
 *
 * @param {string} root
 * @param {string} name the path of the page below the root
 */
export function linkProblems(root, name) {
  const page = parsePage(readFileSync(join(root, name), 'utf8'));
  const ignored = ignoredFolders(root);
  return page.links
    .filter((target) => !ELSEWHERE.test(target) && !leadsSomewhere({ root, name, page, ignored }, target))
    .map((target) => `the link to ${target} leads nowhere`);
}

/**
 * @param {{ root: string, name: string, page: import('./markdown-page.mjs').Page, ignored: Set<string> }} source
 * @param {string} target
 */
function leadsSomewhere({ root, name, page, ignored }, target) {
  const [file = '', anchor] = target.split('#', 2);
  const path = join(dirname(name), decodeURIComponent(file));
  if (file !== '' && !(isInRepository(file, path, ignored) && existsSync(join(root, path)))) return false;
  if (anchor === undefined || (file !== '' && !file.endsWith('.md'))) return true;
  const { anchors } = file === '' ? page : parsePage(readFileSync(join(root, path), 'utf8'));
  return anchors.has(decodeURIComponent(anchor));
}

/**
 * @param {string} file as the page names it
 * @param {string} path from the root
 * @param {ReadonlySet<string>} ignored
 */
function isInRepository(file, path, ignored) {
  return !file.startsWith('/') && !path.split(sep).some((part) => part === '..' || ignored.has(part));
}

/**
 * Returns the names of the folders that `.gitignore` lists.
 *
 * @param {string} root
 */
function ignoredFolders(root) {
  const path = join(root, '.gitignore');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  return new Set(lines.filter((line) => line.endsWith('/')).map((line) => line.slice(0, -1)));
}
