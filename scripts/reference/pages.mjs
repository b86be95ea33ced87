// @ts-check
// This module renders the pages in one language, from the layout and the items.
import { blockText } from './blocks.mjs';
import { needsTranslation } from './catalogue.mjs';
import { placesOf } from './places.mjs';

/**
 * @typedef {object} Source
 * @property {readonly import('./layout.mjs').Page[]} layout
 * @property {ReadonlyMap<string, import('./items.mjs').ApiItem>} items
 * @property {readonly import('./serve-options.mjs').ServeOption[]} serveOptions
 */

/**
 * @typedef {object} Language
 * @property {string} suffix of the files, such as `.zh-CN`
 * @property {(file: string) => string} partner returns the line that leads to the page in the other language
 * @property {(key: string, part: string, english: string) => string} say
 */

/**
 * @param {Source} source
 * @param {Language} language
 * @param {(problem: string) => void} report
 * @returns {Map<string, string>} Markdown by file name
 */
export function writePages({ layout, items, serveOptions }, { suffix, partner, say }, report) {
  const places = placesOf(layout);
  const sayIfWords = (/** @type {string} */ key, /** @type {string} */ part, /** @type {string} */ english) =>
    needsTranslation(english) ? say(key, part, english) : english;
  return new Map(
    layout.map(({ file, title, intro, sections }) => {
      const linkTo = (/** @type {string} */ name) => {
        const place = places.get(name);
        if (place === undefined) return undefined;
        return `${place.file === file ? '' : `${place.file}${suffix}.md`}#${place.anchor}`;
      };
      const writing = { items, serveOptions, say: sayIfWords, linkTo, report };
      const prose = (/** @type {string} */ key, /** @type {readonly string[]} */ texts) =>
        texts.map((text, index) => sayIfWords(key, `text${index + 1}`, text));
      const parts = sections.flatMap(({ id, title: heading, text = [], blocks }) => [
        `<a id="${id}"></a>`,
        `## ${sayIfWords(`${file}/${id}`, 'title', heading)}`,
        ...prose(`${file}/${id}`, text),
        ...blocks.flatMap((block) => blockText(block, writing)),
      ]);
      const contents = sections.map(
        ({ id, title: heading }) => `- [${sayIfWords(`${file}/${id}`, 'title', heading)}](#${id})`,
      );
      const head = [`# ${sayIfWords(file, 'title', title)}`, partner(file), ...prose(file, intro), contents.join('\n')];
      return [`${file}${suffix}.md`, `${[...head, ...parts].join('\n\n')}\n`];
    }),
  );
}
