// @ts-check
// This module renders the blocks of a page as Markdown.
import { keyOf, membersOf, payloadOf, shapeOf, signatureOf } from './items.mjs';
import { codesTable, fieldsTable, listTable, membersTable, optionsTable, serveTable } from './tables.mjs';
import { itemOf, label, linkedCode, table, told, typeCell } from './writing.mjs';

/**
 * @typedef {import('./items.mjs').ApiDeclaredItem} ApiDeclaredItem
 * @typedef {import('./writing.mjs').Writing} Writing
 */

/**
 * @param {import('./layout.mjs').Block} block
 * @param {Writing} writing
 * @returns {string[]} paragraphs
 */
export function blockText(block, writing) {
  if (block.kind === 'list') return listTable(block.names, writing);
  if (block.kind === 'serve') return serveTable(writing);
  const item = itemOf(block.name, writing);
  switch (block.kind) {
    case 'options':
      return [...headed(item, writing), ...optionsTable(item, writing)];
    case 'fields':
      return [...headed(item, writing), ...fieldsTable(item, writing)];
    case 'members': {
      const { brief = true } = block;
      return [...headed(item, writing, { brief }), ...membersTable(item, writing, { brief })];
    }
    case 'shape':
      return [...headed(item, writing), code(shapeOf(item))];
    case 'signature':
      return [...headed(item, writing), code(signatureOf(item, { isWrapped: true }))];
    case 'events':
      return inOrder(membersOf(item), block.order).flatMap((event) => eventText(event, writing));
    case 'codes':
      return [...headed(item, writing, { brief: true }), ...codesTable(item, writing)];
    default:
      throw new Error(`no such block: ${JSON.stringify(block)}`);
  }
}

/**
 * @param {readonly ApiDeclaredItem[]} items
 * @param {readonly string[]} order names; an item that is not named comes last
 */
function inOrder(items, order) {
  const place = (/** @type {ApiDeclaredItem} */ { displayName }) =>
    order.includes(displayName) ? order.indexOf(displayName) : order.length;
  return items.toSorted((one, other) => place(one) - place(other));
}

/**
 * @param {ApiDeclaredItem} item
 * @param {Writing} writing
 * @param {{ brief: boolean }} [options]
 */
function headed(item, writing, options) {
  const { text, details } = told(item, writing, options);
  return [`### ${item.displayName}`, text, ...details];
}

/**
 * @param {ApiDeclaredItem} event
 * @param {Writing} writing
 */
function eventText(event, writing) {
  const { text, details, remarks } = told(event, writing);
  const { fields, isOfToken, unread } = payloadOf(event, writing.items);
  if (unread !== undefined) writing.report(`${keyOf(event)} has a payload that cannot be shown: ${unread}`);
  const described = new Map(details.map((detail) => [fieldIn(detail)?.name, fieldIn(detail)?.meaning]));
  const rows = fields.map(({ name, type, item }) => {
    if (item !== undefined) return [`\`${name}\``, typeCell(item, writing), told(item, writing).text];
    const meaning = described.get(name) ?? '';
    if (meaning === '') writing.report(`${keyOf(event)} does not say what "${name}" is`);
    return [`\`${name}\``, linkedCode(type, [type], writing), meaning];
  });
  const toDo = label('toDo', '**What to do:** {text}', writing);
  const ofToken = label('ofToken', 'It also has the [fields that name the token](#tokenevent).', writing);
  const empty = label('noFields', 'It has no fields.', writing);
  return [
    `### ${event.displayName}`,
    text,
    ...details.filter((detail) => fieldIn(detail) === undefined),
    ...(remarks === undefined ? [] : [toDo.replace('{text}', remarks)]),
    ...(rows.length === 0 ? [empty] : [table(['field', 'type', 'meaning'], rows, writing)]),
    ...(isOfToken ? [ofToken] : []),
  ];
}

/**
 * Returns the name and the description of a field if the paragraph describes one.
 *
 * @param {string} detail
 */
function fieldIn(detail) {
  const [, name, meaning] = /^- `(\w+)`[:：]\s*(.*)$/s.exec(detail) ?? [];
  return name === undefined || meaning === undefined ? undefined : { name, meaning };
}

/** @param {string} text */
function code(text) {
  return `\`\`\`ts\n${text}\n\`\`\``;
}
