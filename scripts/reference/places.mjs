// @ts-check
// This module determines the page and the anchor of each item. Anchors are the same in both languages.

/**
 * @typedef {import('./layout.mjs').Block} Block
 * @typedef {import('./layout.mjs').Page} Page
 */

export const anchorOf = (/** @type {string} */ name) => name.toLowerCase();

/**
 * Returns the page and the anchor of each item that the layout names.
 *
 * @param {readonly Page[]} pages
 * @returns {Map<string, { file: string, anchor: string }>}
 */
export function placesOf(pages) {
  return new Map(
    pages.flatMap(({ file, sections }) =>
      sections.flatMap(({ blocks }) =>
        blocks.flatMap((block) =>
          namesIn(block).map((name) => {
            const anchors = 'anchors' in block ? block.anchors : {};
            return /** @type {const} */ ([name, { file, anchor: anchors[name] ?? anchorOf(name) }]);
          }),
        ),
      ),
    ),
  );
}

/**
 * Lists the public items that are on no page, and the names in the layout that are no items.
 *
 * @param {readonly Page[]} pages
 * @param {ReadonlySet<string>} items
 */
export function layoutProblems(pages, items) {
  const named = pages.flatMap(({ sections }) => sections.flatMap(({ blocks }) => blocks.flatMap(namesIn)));
  return [
    ...[...items].filter((name) => !named.includes(name)).map((name) => `${name} is on no page: add it to the layout`),
    ...named.filter((name) => !items.has(name)).map((name) => `the layout names ${name}, which is not public`),
    ...named.filter((name, index) => named.indexOf(name) !== index).map((name) => `the layout names ${name} twice`),
  ];
}

/**
 * @param {Block} block
 * @returns {readonly string[]}
 */
function namesIn(block) {
  if ('names' in block) return block.names;
  if ('anchors' in block) return Object.keys(block.anchors);
  return 'name' in block ? [block.name] : [];
}
