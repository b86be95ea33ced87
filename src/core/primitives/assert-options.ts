import { hasMethods, isArray } from './foreign-objects.js';
import { isJsonObject } from './json.js';
import { isEmptyInstance } from './json-copy.js';
import { describeKind, describeNumber, describeOption, describeWord } from './redact.js';

/**
 * Returns a copy of the known fields of an object that a caller passed. Each field is read once, so that the value that
 * was checked is the value that is used, even if a getter or proxy returns another one the next time. Absent fields are
 * absent from the copy; inherited fields count as present.
 *
 * @throws TypeError for a value that is not an object; for a promise, a `Map` and other instances without such fields;
 *   for an unknown name, so that a misspelt option is not taken for an absent one; and for a field that cannot be read.
 *   What a getter throws is not passed on, because it may contain a secret.
 */
export function readFields<Fields extends object>(
  value: unknown,
  known: readonly (keyof Fields & string)[],
  what: string,
): Partial<Fields> {
  assertObject(value, what);
  const unknown = namesOf(value, what).find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${what}: unknown ${describeOption(unknown)}, expected one of ${known.join(', ')}`);
  }
  return copyFields(value, known, what);
}

/**
 * Returns a copy of the fields like {@link readFields}, but ignores unknown names.
 *
 * @throws TypeError for a value that is not an object, for an instance without such fields, and for a field that cannot
 *   be read.
 */
export function copyFields<Fields extends object>(
  value: unknown,
  names: readonly (keyof Fields & string)[],
  what: string,
): Partial<Fields> {
  assertObject(value, what);
  const fields: Partial<Fields> = {};
  for (const name of names) copyInto(fields, value, name, what);
  if (Object.keys(fields).length === 0) assertNoEmptyInstance(value, what);
  return fields;
}

/**
 * Returns a copy of one field like {@link copyFields}; an empty object if the field is absent.
 *
 * @throws TypeError for a value that is not an object, and for a field that cannot be read.
 */
export function copyField<Fields extends object>(
  value: unknown,
  name: keyof Fields & string,
  what: string,
): Partial<Fields> {
  assertObject(value, what);
  const field: Partial<Fields> = {};
  copyInto(field, value, name, what);
  return field;
}

function copyInto<Fields extends object>(
  fields: Partial<Fields>,
  value: object,
  name: keyof Fields & string,
  what: string,
): void {
  try {
    if (name in value) fields[name] = (value as Fields)[name];
  } catch {
    throw new TypeError(`${what}: ${name} cannot be read`);
  }
}

/** Rejects an instance without own fields, such as a promise: it would be taken for empty options. */
function assertNoEmptyInstance(value: object, what: string): void {
  if (!isInstanceWithoutFields(value, what)) return;
  if (hasMethods(value, 'then')) throw new TypeError(`${what} must be an object, got a promise that was not awaited`);
  throw new TypeError(
    `${what} must be an object with fields of its own, got an instance of a class without any, such as a Map`,
  );
}

/**
 * Returns whether a value is a promise, a `Map` or another instance that has no fields of its own.
 *
 * @throws TypeError for a value that cannot be read. What a proxy throws is not passed on, because it may contain a
 *   secret.
 */
export function isInstanceWithoutFields(value: unknown, what: string): boolean {
  try {
    return isEmptyInstance(value);
  } catch {
    throw new TypeError(`${what} cannot be read`);
  }
}

/**
 * Maps the members of an array that a caller passed. Each member is read once.
 *
 * @throws TypeError for a value that is not an array, for an array with holes or with more than `most` members, and for
 *   a member that cannot be read.
 */
export function mapMembers<Result>(
  value: unknown,
  name: string,
  map: (member: unknown, index: number) => Result,
  most: number = Number.POSITIVE_INFINITY,
): Result[] {
  if (!isArray(value)) throw new TypeError(`${name} must be an array, got ${describeKind(value)}`);
  const length = lengthOf(value, name);
  if (length > most) throw new TypeError(`${name} must have at most ${most} members, got ${length}`);
  const results: Result[] = [];
  for (let index = 0; index < length; index++) results.push(map(memberOf(value, index, name), index));
  return results;
}

/**
 * Rejects a value that lacks one of the functions of an interface.
 *
 * @throws TypeError naming the first function that is missing.
 */
export function assertMethods(what: string, value: unknown, methods: readonly string[]): void {
  const missing = methods.find((method) => typeof methodOf(value, method, what) !== 'function');
  if (missing === undefined) return;
  throw new TypeError(`${what} must be an object with a function ${missing}, got ${describeKind(value)}`);
}

/**
 * Rejects a value that is neither absent nor a function.
 *
 * @throws TypeError naming the option.
 */
export function assertFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new TypeError(`${name} must be a function, got ${describeKind(value)}`);
}

/**
 * Rejects a value that is neither absent nor `true` or `false`.
 *
 * @throws TypeError naming the option.
 */
export function assertBoolean(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`${name} must be true or false, got ${describeWord(value)}`);
}

export function assertNumber(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw new TypeError(`${name} must be a number from ${least} to ${most}, got ${describeNumber(value)}`);
  }
}

export function assertInteger(name: string, value: unknown, least: number, most: number): void {
  assertNumber(name, value, least, most);
  if (!Number.isInteger(value)) throw new TypeError(`${name} must be a whole number, got ${describeNumber(value)}`);
}

function assertObject(value: unknown, what: string): asserts value is object {
  if (!isJsonObject(value)) throw new TypeError(`${what} must be an object, got ${describeKind(value)}`);
}

function methodOf(value: unknown, method: string, what: string): unknown {
  if (!isJsonObject(value)) return undefined;
  try {
    return (value as Record<string, unknown>)[method];
  } catch {
    throw new TypeError(`${what}: ${method} cannot be read`);
  }
}

/** Returns the names of the fields of an object that a caller passed. */
export function namesOf(value: object, what: string): readonly string[] {
  try {
    return Object.keys(value);
  } catch {
    throw new TypeError(`${what} cannot be read`);
  }
}

function lengthOf(value: readonly unknown[], name: string): number {
  try {
    return value.length;
  } catch {
    throw new TypeError(`${name} cannot be read`);
  }
}

function memberOf(value: readonly unknown[], index: number, name: string): unknown {
  let isThere: boolean;
  let member: unknown;
  try {
    isThere = index in value;
    member = value[index];
  } catch {
    throw new TypeError(`${name} cannot be read`);
  }
  if (!isThere) throw new TypeError(`${name} must be an array without holes`);
  return member;
}
