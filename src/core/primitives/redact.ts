import { isArray, isRevoked } from './foreign-objects.js';

/** The key under which `util.inspect` and `console.log` look for an object's own way of being shown. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** Returns what may be shown of a secret: its length. */
export function redact(secret: string): string {
  return `[redacted, ${secret.length} characters]`;
}

const SHOWN_LENGTH = 40;
const LONGEST_WORD = 16;

/**
 * Says what came instead of what was expected, on one line, for the message of a `TypeError`. Only for values that are
 * names or numbers, never for one that may be a secret.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    const shown = JSON.stringify(value.slice(0, SHOWN_LENGTH)).replace(/[\x7f-\uffff]/g, escapeUnit);
    return value.length > SHOWN_LENGTH ? `${shown}... (${value.length} characters)` : shown;
  }
  if (value === null || ['undefined', 'boolean', 'number', 'bigint'].includes(typeof value)) return String(value);
  return describeKind(value);
}

/** Describes what should be a number or a switch: a string in its place may be a token and is not shown. */
export function describeNumber(value: unknown): string {
  return typeof value === 'string' ? describeKind(value) : describeValue(value);
}

/** Describes a name: a string that is too long for one may be a token, so that only its length is told. */
export function describeName(value: unknown): string {
  const isLong = typeof value === 'string' && value.length > SHOWN_LENGTH;
  return isLong ? `a string (${value.length} characters)` : describeValue(value);
}

/** Describes one of a few words: only strings so short that they are no secret are shown. */
export function describeWord(value: unknown): string {
  return typeof value === 'string' && value.length > LONGEST_WORD ? describeKind(value) : describeValue(value);
}

/** Describes a name that follows "there is no": `"prefx"`, or `name of 45 characters`. */
export function describeOption(name: unknown): string {
  const isLong = typeof name === 'string' && name.length > SHOWN_LENGTH;
  return isLong ? `name of ${name.length} characters` : describeValue(name);
}

/** Says what kind of value came and nothing of its content: for values that may be secrets. It never throws. */
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
