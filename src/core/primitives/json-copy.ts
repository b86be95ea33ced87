import { bytesIn } from './foreign-objects.js';
import { isJsonObject, type JsonObject } from './json.js';
import { describeName } from './redact.js';

/** The bounds of an object that is stored as JSON. */
export interface JsonBounds {
  readonly maxLength: number;
  readonly maxDepth: number;
}

/**
 * Reports why an object cannot be stored as JSON. The message is written by this library and shows nothing of the
 * content but names of fields.
 */
class NotJson extends TypeError {}

type Loss = (holder: unknown, key: string, member: unknown) => string | undefined;

const EMPTY_INSTANCE = 'an instance of a class without fields of its own, such as a promise or a Map';

/**
 * Returns a copy of an object that has been converted to JSON and back. Values that JSON would silently change are
 * rejected: a promise that was not awaited, a `Map`, a `Set` and other instances without fields of their own would
 * become `{}`, functions would disappear, bytes would become an object of numbers, and holes of arrays, `NaN`,
 * infinities and invalid dates would become `null`. A valid `Date` becomes its text.
 *
 * @param name - the name of the object in messages.
 * @throws TypeError naming the field.
 */
export function jsonCopy(name: string, value: object, { maxLength, maxDepth }: JsonBounds): JsonObject {
  const text = jsonText(name, value, lostMember);
  if (text.length > maxLength) {
    throw new NotJson(`${name} must be at most ${maxLength} characters of JSON, got ${text.length}`);
  }
  const copy = JSON.parse(text) as JsonObject;
  if (!isAtMostDeep(copy, maxDepth)) {
    throw new NotJson(`${name} must be at most ${maxDepth} objects and arrays deep`);
  }
  return copy;
}

/**
 * Returns an object as JSON text. Only bytes and instances that would become `{}` are rejected, since they are always a
 * mistake.
 *
 * @throws TypeError naming the field.
 */
export function jsonTextOf(name: string, value: object): string {
  return jsonText(name, value, (_holder, _key, member) => (isEmptyInstance(member) ? EMPTY_INSTANCE : undefined));
}

/** Returns whether a value is a promise, a `Map` or another instance of any realm that would become `{}` in JSON. */
export function isEmptyInstance(value: unknown): boolean {
  if (!isJsonObject(value) || Object.keys(value).length > 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

function jsonText(name: string, value: object, loss: Loss): string {
  const text = textOf(name, value, loss);
  if (text?.startsWith('{') === true) return text;
  throw new NotJson(`${name} must be an object in JSON too`);
}

function textOf(name: string, value: object, loss: Loss): string | undefined {
  try {
    if (isEmptyInstance(value) && !('toJSON' in value)) {
      throw new NotJson(
        `${name} must be an object with fields of its own, got an instance of a class without any, such as a promise or a Map`,
      );
    }
    if (bytesIn(value) !== undefined) throw new NotJson(`${name} must be an object with fields of its own, got bytes`);
    return JSON.stringify(value, function replacer(this: unknown, key: string, member: unknown) {
      const lost = isBytesAt(this, key) ? 'bytes' : loss(this, key, member);
      if (lost === undefined) return member;
      throw new NotJson(`${name} must be JSON, but ${describeName(key)} is ${lost}`);
    });
  } catch (error) {
    if (error instanceof NotJson) throw error;
    throw new NotJson(`${name} must be JSON`);
  }
}

/** Returns a description of a member that JSON would change; `undefined` for a member that JSON preserves. */
function lostMember(holder: unknown, key: string, member: unknown): string | undefined {
  if (typeof member === 'function' || typeof member === 'symbol') return `a ${typeof member}`;
  if (typeof member === 'number' && !Number.isFinite(member)) return String(member);
  if (member === undefined && Array.isArray(holder)) return 'missing';
  if (member === null && (holder as Record<string, unknown>)[key] !== null) return 'an invalid date';
  return isEmptyInstance(member) ? EMPTY_INSTANCE : undefined;
}

/**
 * Returns whether a member is bytes. The holder is inspected, because `toJSON` has already turned a `Buffer` into an
 * object when the replacer receives it; the property descriptor is read, so that no getter is called a second time.
 */
function isBytesAt(holder: unknown, key: string): boolean {
  return bytesIn(Object.getOwnPropertyDescriptor(holder, key)?.value) !== undefined;
}

function isAtMostDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isAtMostDeep(member, depth - 1));
}
