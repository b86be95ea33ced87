// @ts-check
// This module finds the problems of the reference: in its layout, its texts in both languages, and the files on disk. The
// links of its pages are checked with those of all pages, by check-readme.mjs.
import { catalogueProblems, isTranslated } from './catalogue.mjs';
import { writePages } from './pages.mjs';
import { layoutProblems } from './places.mjs';

/**
 * Renders the pages of both languages. There are no Chinese pages until all texts of a page are translated.
 *
 * @param {import('./pages.mjs').Source} source
 * @param {import('./catalogue.mjs').Catalogue} catalogue
 * @returns {{ pages: Map<string, string>, english: import('./catalogue.mjs').English, problems: string[] }}
 */
export function writeReference(source, catalogue) {
  /** @type {Set<string>} */
  const problems = new Set(layoutProblems(source.layout, new Set(source.items.keys())));
  /** @type {import('./catalogue.mjs').English} */
  const english = {};
  const pages = writePages(
    source,
    {
      suffix: '',
      partner: (file) => `[中文](${file}.zh-CN.md)`,
      say(key, part, text) {
        english[key] = { ...english[key], [part]: text };
        return text;
      },
    },
    (problem) => problems.add(problem),
  );
  if (isTranslated(english, catalogue)) {
    const chinese = writePages(
      source,
      {
        suffix: '.zh-CN',
        partner: (file) => `[English](${file}.md)`,
        say: (key, part) => catalogue[key]?.[part] ?? '',
      },
      () => undefined,
    );
    for (const [file, text] of chinese) pages.set(file, text);
  }
  for (const problem of catalogueProblems(english, catalogue)) problems.add(`catalogue.zh-CN.json: ${problem}`);
  return { pages, english, problems: [...problems] };
}

/**
 * Lists the files that differ from the pages.
 *
 * @param {ReadonlyMap<string, string>} pages
 * @param {(file: string) => string | undefined} read returns the content of a file, where there is one
 */
export function driftProblems(pages, read) {
  return [...pages]
    .filter(([file, text]) => read(file) !== text)
    .map(([file]) => `${file} does not say what the doc comments say: run "npm run reference -- --write"`);
}
