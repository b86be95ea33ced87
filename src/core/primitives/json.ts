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

/** Tells an object from an array and from what is no object; a proxy that was revoked is none. It never throws. */
export function isJsonObject(value: unknown): value is JsonObject {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
