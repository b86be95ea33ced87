import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';

/** Returns the object in a field of an answer; an empty one if there is none. */
export function objectIn(from: JsonObject, name: string): JsonObject {
  const value = from[name];
  return isJsonObject(value) ? value : {};
}

/** Returns the objects in an array of an answer. */
export function objectsIn(from: JsonObject, name: string): readonly JsonObject[] {
  const value = from[name];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** Returns the text in a field of an answer; `undefined` if it is absent or empty. */
export function textIn(from: JsonObject, name: string): string | undefined {
  const value = from[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Returns the number in a field of an answer; `undefined` if there is none. */
export function numberIn(from: JsonObject, name: string): number | undefined {
  const value = from[name];
  return typeof value === 'number' ? value : undefined;
}

/** Returns the ids of the permission sets in a description of an authorization. */
export function permissionsIn(info: JsonObject): readonly number[] {
  return objectsIn(info, 'func_info').flatMap((set) => numberIn(objectIn(set, 'funcscope_category'), 'id') ?? []);
}
