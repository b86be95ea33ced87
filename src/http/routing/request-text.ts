import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { isLossy } from '../../core/primitives/utf8-text.js';
import { badRequest } from './route-failure.js';

/**
 * Returns the first value of a name in a query or a form; `undefined` if there is none or it is empty.
 *
 * @throws RouteFailure for a value that is not encoded in UTF-8, which would be decoded as another value.
 */
export function fieldOf(fields: URLSearchParams, name: string): string | undefined {
  const value = fields.get(name) || undefined;
  if (value !== undefined && isLossy(value)) throw badRequest(`${name} must be encoded in UTF-8`);
  return value;
}

/**
 * Returns the JSON object in a text.
 *
 * @throws RouteFailure for text that is not a JSON object.
 */
export function jsonObjectIn(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('the body is not JSON');
  }
  if (!isJsonObject(value)) throw badRequest('the body must be a JSON object');
  return value;
}
