// @ts-check
// This module provides the items of the doc models in the form that the pages show: members in an order for readers, and
// signatures on one line.
import { ApiInterface, ApiItemContainerMixin, ApiPropertyItem } from '@microsoft/api-extractor-model';

/**
 * @typedef {import('@microsoft/api-extractor-model').ApiItem} ApiItem
 * @typedef {import('@microsoft/api-extractor-model').ApiDeclaredItem} ApiDeclaredItem
 * @typedef {{ name: string, type: string, item: ApiDeclaredItem | undefined }} Field
 */

/** A field in the type of an event. */
const FIELD = /readonly (\w+)\??: ([^;]+);/g;
/** The type of an event without its fields. */
const WITHOUT_FIELDS = /^(?:(?:TokenEvent & )?\{ ?\}|Readonly<Record<string, never>>)$/;

/** The key of an item in the catalogue, such as `TokenManagerOptions.maxCachedRecords`. */
export const keyOf = (/** @type {ApiItem} */ item) => item.getScopedNameWithinPackage();

/**
 * Returns the members of an interface or class: the required ones first, then the others, each sorted by name.
 *
 * @param {ApiItem} item
 * @returns {ApiDeclaredItem[]}
 */
export function membersOf(item) {
  const members = ApiItemContainerMixin.isBaseClassOf(item) ? [...item.members] : [];
  const declared = /** @type {ApiDeclaredItem[]} */ (members);
  return declared.toSorted((one, other) => Number(isOptional(one)) - Number(isOptional(other)));
}

/** @param {ApiItem} member */
export function isOptional(member) {
  return 'isOptional' in member && member.isOptional === true;
}

/**
 * Returns the names of the interfaces that an interface extends.
 *
 * @param {ApiItem} item
 */
export function parentsOf(item) {
  return item instanceof ApiInterface ? item.extendsTypes.map(({ excerpt }) => excerpt.text.trim()) : [];
}

/**
 * Returns the type of a property, without the parts that do not help a reader of a table.
 *
 * @param {ApiDeclaredItem} property
 */
export function typeOf(property) {
  const type = property instanceof ApiPropertyItem ? property.propertyTypeExcerpt.text : property.excerpt.text;
  return oneLine(type)
    .replace(/^readonly /, '')
    .replaceAll('| readonly ', '| ')
    .replace(/ \| undefined$/, '')
    .replace(/^\((\([^()]*\) => [^()|]*)\)$/, '$1');
}

/**
 * Returns the fields of an event: those of its interface, or those in its own type. `unread` is what remains of its own type
 * if that contains more than such fields.
 *
 * @param {ApiDeclaredItem} event
 * @param {ReadonlyMap<string, ApiItem>} items
 * @returns {{ fields: Field[], isOfToken: boolean, unread: string | undefined }}
 */
export function payloadOf(event, items) {
  const type = event instanceof ApiPropertyItem ? event.propertyTypeExcerpt.text.trim() : '';
  const named = items.get(type);
  if (named !== undefined) {
    const fields = membersOf(named).map((item) => ({ name: item.displayName, type: typeOf(item), item }));
    return { fields, isOfToken: parentsOf(named).includes('TokenEvent'), unread: undefined };
  }
  const fields = [...type.matchAll(FIELD)].map(([, name = '', fieldType = '']) => {
    return { name, type: oneLine(fieldType), item: undefined };
  });
  const rest = oneLine(type.replace(FIELD, ''));
  const unread = WITHOUT_FIELDS.test(rest) ? undefined : rest;
  return { fields, isOfToken: type.startsWith('TokenEvent'), unread };
}

/**
 * Returns the declaration of an item, or of a member, on one line or with its line breaks.
 *
 * @param {ApiDeclaredItem} item
 * @param {{ isWrapped?: boolean }} [options]
 */
export function signatureOf(item, { isWrapped = false } = {}) {
  const text = isWrapped ? item.excerpt.text.replaceAll('    ', '  ') : oneLine(item.excerpt.text);
  return text.replace(/^(?:export )?(?:declare )?(?:function |const |readonly )?/, '').replace(/;$/, '');
}

/**
 * Returns the declaration of an interface or class with its members, as TypeScript.
 *
 * @param {ApiDeclaredItem} item
 */
export function shapeOf(item) {
  const head = oneLine(item.excerpt.text).replace(/^export (?:declare )?/, '');
  const members = membersOf(item).map((member) => `  ${oneLine(member.excerpt.text).replace(/^readonly /, '')}`);
  return [`${head} {`, ...members, '}'].join('\n');
}

/** @param {string} text */
function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim();
}
