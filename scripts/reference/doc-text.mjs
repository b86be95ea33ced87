// @ts-check
// This module renders doc comments as Markdown. Their first paragraph defines an item, and further ones describe details.
import { ApiDocumentedItem } from '@microsoft/api-extractor-model';
import { DocNodeKind, StandardTags } from '@microsoft/tsdoc';

/**
 * @typedef {object} DocText
 * @property {string} text the first paragraph
 * @property {string[]} details the paragraphs after it
 * @property {string | undefined} remarks
 * @property {string | undefined} defaultValue
 * @property {string | undefined} bounds
 */

/** @typedef {(name: string) => string | undefined} LinkTo */

/**
 * @param {import('@microsoft/api-extractor-model').ApiItem} item
 * @param {LinkTo} linkTo
 * @returns {DocText | undefined} nothing for an item without a comment
 */
export function docText(item, linkTo) {
  const comment = item instanceof ApiDocumentedItem ? item.tsdocComment : undefined;
  if (comment === undefined) return undefined;
  const [text = '', ...details] = paragraphs(comment.summarySection, linkTo);
  if (text === '') return undefined;
  const block = (/** @type {string} */ name) => {
    const found = comment.customBlocks.find(({ blockTag }) => blockTag.tagName === name);
    return found && paragraphs(found.content, linkTo).join(' ');
  };
  const remarks = comment.remarksBlock && paragraphs(comment.remarksBlock.content, linkTo).join(' ');
  return { text, details, remarks, defaultValue: block(StandardTags.defaultValue.tagName), bounds: block('@bounds') };
}

/**
 * @param {import('@microsoft/tsdoc').DocSection} section
 * @param {LinkTo} linkTo
 */
function paragraphs(section, linkTo) {
  return section.nodes
    .filter(({ kind }) => kind === DocNodeKind.Paragraph)
    .map((paragraph) =>
      paragraph
        .getChildNodes()
        .map((node) => inline(node, linkTo))
        .join(''),
    )
    .flatMap(listItems)
    .map((text) => text.replace(/\s+/g, ' ').trim())
    .filter((text) => text !== '');
}

/**
 * Splits a list into its items, each of which begins with a hyphen on a line.
 *
 * @param {string} text
 */
function listItems(text) {
  return text.split(/\n(?=\s*- )/);
}

/**
 * @param {import('@microsoft/tsdoc').DocNode} node
 * @param {LinkTo} linkTo
 * @returns {string}
 */
function inline(node, linkTo) {
  switch (node.kind) {
    case DocNodeKind.PlainText:
      return /** @type {import('@microsoft/tsdoc').DocPlainText} */ (node).text;
    case DocNodeKind.EscapedText:
      return /** @type {import('@microsoft/tsdoc').DocEscapedText} */ (node).decodedText;
    case DocNodeKind.CodeSpan:
      return `\`${/** @type {import('@microsoft/tsdoc').DocCodeSpan} */ (node).code}\``;
    case DocNodeKind.SoftBreak:
      return '\n';
    case DocNodeKind.LinkTag:
      return link(/** @type {import('@microsoft/tsdoc').DocLinkTag} */ (node), linkTo);
    default:
      throw new Error(`a doc comment holds ${node.kind}, which the reference cannot show`);
  }
}

/**
 * @param {import('@microsoft/tsdoc').DocLinkTag} tag
 * @param {LinkTo} linkTo
 */
function link({ codeDestination, urlDestination, linkText }, linkTo) {
  if (urlDestination !== undefined)
    return linkText === undefined ? `<${urlDestination}>` : `[${linkText}](${urlDestination})`;
  const names =
    codeDestination?.memberReferences.map(({ memberIdentifier }) => memberIdentifier?.identifier ?? '') ?? [];
  const shown = `\`${linkText ?? names.join('.')}\``;
  const target = linkTo(names[0] ?? '');
  return target === undefined ? shown : `[${shown}](${target})`;
}

/** @param {import('@microsoft/api-extractor-model').ApiItem} item */
export const isDescribed = (item) => docText(item, () => undefined) !== undefined;
