// @ts-check
// This module renders the tables of the reference.
import { ApiItemKind } from '@microsoft/api-extractor-model';
import { isDescribed } from './doc-text.mjs';
import { isOptional, keyOf, membersOf, parentsOf, signatureOf } from './items.mjs';
import { anchorOf } from './places.mjs';
import { cellCode, itemOf, label, linkedCode, mentionedIn, table, told, typeCell } from './writing.mjs';

/**
 * @typedef {import('./items.mjs').ApiDeclaredItem} ApiDeclaredItem
 * @typedef {import('./writing.mjs').Writing} Writing
 */

/**
 * @param {ApiDeclaredItem} item
 * @param {Writing} writing
 */
export function optionsTable(item, writing) {
  const members = membersOf(item);
  const none = label('none', 'none', writing);
  const required = label('required', 'required', writing);
  const rows = members.map((member) => {
    const { text, defaultValue = none, bounds = '' } = told(member, writing);
    const fallback = isOptional(member) ? defaultValue : required;
    return [`\`${member.displayName}\``, typeCell(member, writing), fallback, bounds, text];
  });
  const parents = parentsOf(item).map((parent) => linkedCode(parent, [parent], writing));
  const inherits = label('inherits', 'And the options of {parents}.', writing).replace('{parents}', parents.join(', '));
  return [
    table(['option', 'type', 'default', 'values', 'meaning'], rows, writing),
    ...(parents.length === 0 ? [] : [inherits]),
    ...detailsOf(members, writing),
  ];
}

/**
 * @param {ApiDeclaredItem} item
 * @param {Writing} writing
 */
export function fieldsTable(item, writing) {
  const rows = membersOf(item).map((member) => [
    `\`${member.displayName}\``,
    typeCell(member, writing),
    told(member, writing, { brief: true }).text,
  ]);
  return [table(['field', 'type', 'meaning'], rows, writing)];
}

/**
 * Renders the members of an interface or class. Of a class it includes those with a description of their own, because the
 * interface describes the others.
 *
 * @param {ApiDeclaredItem} item
 * @param {Writing} writing
 * @param {{ brief: boolean }} options
 */
export function membersTable(item, writing, { brief }) {
  const members = membersOf(item).filter((member) => item.kind !== ApiItemKind.Class || isDescribed(member));
  const rows = members.map((member) =>
    member.kind === ApiItemKind.Constructor
      ? constructorRow(item, member, writing)
      : [cellCode(signatureOf(member)), told(member, writing, { brief }).text],
  );
  const others = members.filter(({ kind }) => !brief && kind !== ApiItemKind.Constructor);
  return [table(['member', 'meaning'], rows, writing), ...detailsOf(others, writing)];
}

/**
 * @param {ApiDeclaredItem} item
 * @param {ApiDeclaredItem} making
 * @param {Writing} writing
 */
function constructorRow(item, making, writing) {
  const options = mentionedIn(making).filter((name) => /(?:Options|Facts)$/.test(name));
  const links = options.map((name) => linkedCode(name, [name], writing)).join(', ');
  const meaning = label('construct', 'The constructor.', writing);
  return [
    cellCode(signatureOf(making).replace(/^constructor/, `new ${item.displayName}`)),
    links === '' ? meaning : label('constructWith', 'The constructor; see {links}.', writing).replace('{links}', links),
  ];
}

/**
 * @param {ApiDeclaredItem} codes a union of strings whose comment describes each in a list
 * @param {Writing} writing
 */
export function codesTable(codes, writing) {
  const rows = told(codes, writing).details.map((detail) => {
    const [, name = '', text = ''] = /^- `(\w+)`[:：]\s*(.*)$/s.exec(detail) ?? [];
    const [meaning = '', remedy = ''] = text.split(/\s*(?:Remedy: |处理：)/);
    return { name, cells: [`<a id="${anchorOf(name)}"></a>\`${name}\``, meaning, remedy] };
  });
  for (const [, name = ''] of signatureOf(codes).matchAll(/'(\w+)'/g)) {
    if (!rows.some((row) => row.name === name)) writing.report(`${keyOf(codes)} does not describe ${name}`);
  }
  const cells = rows.map((row) => row.cells);
  return [table(['code', 'meaning', 'remedy'], cells, writing)];
}

/**
 * @param {readonly string[]} names
 * @param {Writing} writing
 */
export function listTable(names, writing) {
  const rows = names.map((name) => {
    const item = itemOf(name, writing);
    const { text, details } = told(item, writing, { brief: item.kind !== ApiItemKind.TypeAlias });
    const signature = cellCode(signatureOf(item).replace(/^type \w+(?:<.*?>)? = /, ''));
    // A Chinese full stop needs no space after it.
    const meaning = [text, ...details].join(' ').replaceAll('。 ', '。');
    return [`<a id="${anchorOf(name)}"></a>\`${name}\``, signature, meaning];
  });
  return [table(['name', 'signature', 'meaning'], rows, writing)];
}

/** @param {Writing} writing */
export function serveTable(writing) {
  const rows = writing.serveOptions.map(({ name, value, fallback, variable, help }) => [
    `\`--${name}${value === undefined ? '' : ` <${value}>`}\``,
    variable === undefined ? '' : `\`${variable}\``,
    fallback === undefined ? '' : `\`${fallback}\``,
    writing.say(`serve --${name}`, 'text', help),
  ]);
  return [table(['option', 'variable', 'default', 'meaning'], rows, writing)];
}

/**
 * Returns the paragraphs about members that do not fit into a cell.
 *
 * @param {readonly ApiDeclaredItem[]} members
 * @param {Writing} writing
 */
function detailsOf(members, writing) {
  return members.flatMap((member) => {
    const [first, ...rest] = told(member, writing).details;
    if (first === undefined) return [];
    return [`**\`${member.displayName}\`** ${first}`, ...rest];
  });
}
