import type { WeChatRequest } from '../core/model/refresher.js';
import { isJsonObject, type JsonValue } from '../core/primitives/json.js';
import { hidePieces } from './secret-pieces.js';

const SHORTEST_SECRET = 8;
/** The length that is read of an answer. Only an answer that repeats the request is longer. */
const READ_LENGTH = 10_000;
/**
 * The pattern of words that may be a token, a secret or something derived from one. Names in paths and messages are
 * shorter or contain no digits.
 */
const LONG_WORD = /[A-Za-z0-9_+=%-]{32,}/g;
const PUBLIC_NAMES = /(?:appid|grant_type|openid)$/;

/**
 * Removes the values of a request and the app's secret from foreign text, because an answer may repeat them in part. It
 * also removes long words, which may be derived from them.
 */
export function hideSecrets(text: string, request: WeChatRequest, secret?: string): string {
  const secrets = [...valuesOf(request.query ?? {}), ...valuesOf(request.body ?? null), ...valuesOf(secret)];
  const spellings = secrets.flatMap(spellingsOf);
  spellings.sort((a, b) => b.length - a.length);
  // The last word is dropped, because the cut may have left the beginning of a secret.
  const read = text.length > READ_LENGTH ? text.slice(0, READ_LENGTH).replace(/\S+$/, '') : text;
  const hidden = spellings.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), read);
  return hidePieces(hidden, secrets).replace(LONG_WORD, (word) => (/\d/.test(word) ? '[redacted]' : word));
}

function spellingsOf(secret: string): string[] {
  const encoded = encodeURIComponent(secret);
  const encodedInLowerCase = encoded.replace(/%../g, (code) => code.toLowerCase());
  return [secret, encoded, encodedInLowerCase, encoded.replaceAll('%20', '+'), JSON.stringify(secret).slice(1, -1)];
}

function valuesOf(value: JsonValue | undefined, name = ''): string[] {
  if (typeof value === 'string') return value.length < SHORTEST_SECRET || PUBLIC_NAMES.test(name) ? [] : [value];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => valuesOf(item, name));
  return isJsonObject(value) ? Object.entries(value).flatMap(([key, item]) => valuesOf(item, key)) : [];
}
