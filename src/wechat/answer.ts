import { isJsonObject, type JsonObject, type JsonValue } from '../core/primitives/json.js';

/** Returns the JSON object in a body, whatever its content type says; `undefined` for anything else. */
export function parseAnswer(text: string | undefined): JsonObject | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the `errcode` of an answer, 0 for success. WeChat leaves it out of successful answers of its token endpoints, and
 * its own samples show numbers as strings.
 *
 * @returns the code; `undefined` if it is not an integer.
 */
export function readErrcode(errcode: JsonValue | undefined): number | undefined {
  if (errcode === undefined) return 0;
  if (typeof errcode === 'string' && /^-?\d{1,9}$/.test(errcode)) return Number(errcode);
  return Number.isSafeInteger(errcode) ? (errcode as number) : undefined;
}
