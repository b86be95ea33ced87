import { memberOf } from './foreign-objects.js';
import { onOneLine } from './redact.js';

const READ_LENGTH = 10_000;
const SHOWN_LENGTH = 300;
/** The minimum length of a hidden value: shorter text occurs in ordinary words and is not a secret by itself. */
const SHORTEST_HIDDEN = 8;
const JSON_STRING = /"((?:[^"\\]|\\.){8,})"/g;
/**
 * The part of a URL that may contain a name and a password. It ends at the last `@`, since a password may contain one.
 */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*):\/\/\S*@/gi;
/** The beginning of a JSON object or of an array of objects, whether or not it is inside a string. */
const JSON_TEXT = /(?:\{\s*\\?["']|\[\s*\{).*/;
/**
 * Text that may be a token, a secret or a hash. Host names and paths do not match, as dots and slashes divide them into
 * shorter parts.
 */
const LONG_WORD = /[A-Za-z0-9_+=%-]{32,}/g;

/**
 * Returns the message of a server or a driver in a form that may be shown: one line of at most 300 characters, without
 * credentials in URLs, JSON, long words and the values in `hidden`. If a hidden value is JSON, the strings in it are
 * removed as well.
 *
 * Callers first cut off parts that are known to repeat a command or a row.
 */
export function foreignText(text: string, hidden: readonly string[] = []): string {
  const values = hidden.flatMap(partsOf).filter((value) => value.length >= SHORTEST_HIDDEN);
  values.sort((a, b) => b.length - a.length);
  // The word at the cut is dropped: it may be the beginning of a secret, which the replacements below would not
  // recognize.
  const read = text.length > READ_LENGTH ? text.slice(0, READ_LENGTH).replace(/\S+$/, '') : text;
  const shown = values.reduce((rest, value) => rest.replaceAll(value, '[redacted]'), read);
  const line = onOneLine(shown)
    .replace(CREDENTIALS, '$1://[redacted]@')
    .replace(JSON_TEXT, '[redacted]')
    .replace(LONG_WORD, '[redacted]');
  return line.length > SHOWN_LENGTH ? `${line.slice(0, SHOWN_LENGTH - 3)}...` : line;
}

function partsOf(value: string): string[] {
  return value.startsWith('{') ? [value, ...[...value.matchAll(JSON_STRING)].map(([, part = '']) => part)] : [value];
}

/**
 * Returns the message of a driver's error; for an error that combines several, the different ones among the first four
 * messages.
 */
export function foreignMessage(error: unknown): string {
  const message = memberOf(error, 'message');
  if (typeof message === 'string' && message !== '') return message;
  const errors = memberOf(error, 'errors');
  return Array.isArray(errors) ? [...new Set(errors.slice(0, 4).map(foreignMessage))].filter(Boolean).join('; ') : '';
}
