// @ts-check
// This module checks that the links of a page lead to existing files of the repository, and to existing headings.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parsePage } from './markdown-page.mjs';

/**
 * Lists the links of one page that lead nowhere.
 *
 * @param {string} root
 * @param {string} name the path of the page below the root
 */
export function linkProblems(root, name) {
  const page = parsePage(readFileSync(join(root, name), 'utf8'));
  return page.links
    .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(root, name, page, target))
    .map((target) => `the link to ${target} leads nowhere`);
}

/**
 * @param {string} root
 * @param {string} name
 * @param {import('./markdown-page.mjs').Page} page
 * @param {string} target
 */
function leadsSomewhere(root, name, page, target) {
  const [file = '', anchor] = target.split('#', 2);
  const path = join(root, dirname(name), decodeURIComponent(file));
  if (file !== '' && !existsSync(path)) return false;
  if (anchor === undefined || (file !== '' && !file.endsWith('.md'))) return true;
  const { anchors } = file === '' ? page : parsePage(readFileSync(path, 'utf8'));
  return anchors.has(decodeURIComponent(anchor));
}
