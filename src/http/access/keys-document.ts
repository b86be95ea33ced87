import { readFileSync } from 'node:fs';
import { describePath } from '../../core/primitives/given-path.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { describeKind } from '../../core/primitives/redact.js';
import { textOfUtf8 } from '../../core/primitives/utf8-text.js';
import { type ApiKey, checkedApiKeys } from './api-key.js';

export function textOf(path: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  const text = textOfUtf8(bytes);
  if (text === undefined) throw unusable(path, 'is not encoded in UTF-8');
  return text;
}

/**
 * Returns the keys in the text of a file.
 *
 * @throws TypeError naming the path and what is wrong, without any part of the text.
 */
export function keysIn(path: string, text: string): readonly ApiKey[] {
  return checkedIn(path, documentIn(path, text).keys);
}

/** Parses the document. The errors of `JSON.parse` are not passed on, because they quote the text. */
export function documentIn(path: string, text: string): JsonObject {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw unusable(path, 'is not JSON');
  }
  if (isJsonObject(document)) return document;
  throw unusable(path, `must contain an object like { "keys": [] }, got ${describeKind(document)}`);
}

export function checkedIn(path: string, keys: unknown): readonly ApiKey[] {
  try {
    return checkedApiKeys(keys);
  } catch (error) {
    throw unusable(path, `is wrong: ${(error as TypeError).message}`);
  }
}

export function unreadable(path: string, error: unknown): TypeError {
  return unusable(path, `cannot be read: ${codeOf(error)}`);
}

export function unusable(path: string, reason: string): TypeError {
  return new TypeError(`${describePath(path)} ${reason}`);
}

export function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}
