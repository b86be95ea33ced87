// @ts-check
// This module parses the parts of a Markdown page that checks compare: headings, code blocks, tables, links, and the
// anchors to which links may lead.

const FENCE = /^(`{3,})(\S*)(.*)$/;
const MARKER = /^<!-- example: (\S+?)#(\S+) -->$/;
const LINK = /\]\(([^)\s]+)\)|\b(?:src|href)="([^"]+)"/g;
const NAMED_ANCHOR = /<a (?:id|name)="([^"]+)">/g;
const DELIMITER_ROW = /^\|(\s*:?-+:?\s*\|)+\s*$/;
const CELL_BORDER = /(?<!\\)\|/g;

/**
 * @typedef {object} Block
 * @property {string} language
 * @property {number} line the line of its opening fence, from 1
 * @property {string} code
 * @property {{ file: string, region: string } | undefined} example
 */

/** @typedef {{ line: number, columns: number, rows: number }} Table */

/** @typedef {{ headings: string[], blocks: Block[], tables: Table[], links: string[], anchors: Set<string> }} Page */

/**
 * Parses a page.
 *
 * @param {string} markdown
 * @returns {Page}
 */
export function parsePage(markdown) {
  /** @type {Page} */
  const page = { headings: [], blocks: [], tables: [], links: [], anchors: new Set() };
  const lines = markdown.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const [, fence, language = ''] = FENCE.exec(line) ?? [];
    if (fence === undefined) {
      readText(page, line);
      if (DELIMITER_ROW.test(line)) page.tables.push(tableAt(lines, index));
      continue;
    }
    const end = lines.indexOf(fence, index + 1);
    if (end === -1) throw new Error(`line ${index + 1}: this code block is never closed`);
    const [, file, region] = MARKER.exec(lines[index - 1] ?? '') ?? [];
    const example = file === undefined || region === undefined ? undefined : { file, region };
    page.blocks.push({ language, line: index + 1, code: lines.slice(index + 1, end).join('\n'), example });
    index = end;
  }
  for (const anchor of anchorsOf(page.headings)) page.anchors.add(anchor);
  return page;
}

/**
 * Returns the anchor that GitHub gives a heading.
 *
 * @param {string} heading
 */
function anchorOf(heading) {
  const text = heading.replace(/^#+\s+/, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  return text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}

/**
 * @param {Page} page
 * @param {string} line
 */
function readText(page, line) {
  if (/^#{1,6} /.test(line)) page.headings.push(line);
  for (const [, target, attribute] of line.matchAll(LINK)) page.links.push(target ?? attribute ?? '');
  for (const [, name = ''] of line.matchAll(NAMED_ANCHOR)) page.anchors.add(name);
}

/**
 * Returns the anchors of all headings. If an earlier heading has the same text, the anchor gets a number.
 *
 * @param {string[]} headings
 */
function anchorsOf(headings) {
  const anchors = new Set();
  for (const heading of headings) {
    const anchor = anchorOf(heading);
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

/**
 * @param {string[]} lines
 * @param {number} delimiter the index of the row of dashes
 * @returns {Table}
 */
function tableAt(lines, delimiter) {
  let end = delimiter + 1;
  while (lines[end]?.startsWith('|')) end += 1;
  const columns = [...(lines[delimiter] ?? '').matchAll(CELL_BORDER)].length - 1;
  return { line: delimiter, columns, rows: end - delimiter - 1 };
}
