/**
 * A value that survives `JSON.stringify` and `JSON.parse` unchanged.
 *
 * @public
 */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/**
 * A JSON object.
 *
 * @public
 */
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined;
}

/**
 * Returns whether a value is an object and not an array. It never throws; a revoked proxy does not count as an object.
 */
export function isJsonObject(value: unknown): value is JsonObject {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
