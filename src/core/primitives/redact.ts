import { isArray, isRevoked } from './foreign-objects.js';

/** The key of the method that `util.inspect` and `console.log` call to show an object. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** Returns a text that stands for a secret and shows only its length. */
export function redact(secret: string): string {
  return `[redacted, ${secret.length} characters]`;
}

const SHOWN_LENGTH = 40;
const LONGEST_WORD = 16;

/**
 * Describes an unexpected value on one line, for the message of a `TypeError`. It is meant for names and numbers, never
 * for a value that may be a secret.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    const shown = JSON.stringify(value.slice(0, SHOWN_LENGTH)).replace(/[\x7f-\uffff]/g, escapeUnit);
    return value.length > SHOWN_LENGTH ? `${shown}... (${value.length} characters)` : shown;
  }
  if (['boolean', 'number', 'bigint'].includes(typeof value)) return String(value);
  return describeKind(value);
}

/** Describes a value in place of a number or a boolean. A string is not shown, because it may be a token. */
export function describeNumber(value: unknown): string {
  return typeof value === 'string' ? describeKind(value) : describeValue(value);
}

/** Describes a value in place of a name. Only the length of a long string is shown, because it may be a token. */
export function describeName(value: unknown): string {
  const isLong = typeof value === 'string' && value.length > SHOWN_LENGTH;
  return isLong ? `a string (${value.length} characters)` : describeValue(value);
}

/** Describes a value in place of one of a few words. Only strings that are too short to be a secret are shown. */
export function describeWord(value: unknown): string {
  return typeof value === 'string' && value.length > LONGEST_WORD ? describeKind(value) : describeValue(value);
}

/** Describes an unknown name: `name "prefx"`, or `name of 45 characters`. */
export function describeOption(name: unknown): string {
  const isLong = typeof name === 'string' && name.length > SHOWN_LENGTH;
  return isLong ? `name of ${name.length} characters` : `name ${describeValue(name)}`;
}

/** Describes the kind of a value and shows nothing of its content, because it may be a secret. It never throws. */
export function describeKind(value: unknown): string {
  if (value === '') return 'an empty string';
  if (value === null || value === undefined) return String(value);
  if (isRevoked(value)) return 'a proxy that cannot be read';
  if (isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Replaces control characters, line breaks included, so that foreign text cannot forge log lines. */
export function onOneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').trim();
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
