import { isJsonObject } from '../primitives/json.js';
import type { GetOptions } from './call-options.js';

/**
 * Returns the subject of options that contain nothing else, so that a cached token can answer the call; `undefined` for
 * empty options; and `null` for options that need a full check, such as a validity request, unknown names, or a subject
 * that is not a string. It never throws, because the full check reports invalid options.
 */
export function subjectAlone(options: GetOptions): string | undefined | null {
  try {
    if (!isJsonObject(options)) return null;
    for (const name in options) if (name !== 'subject') return null;
    // The loop skips properties that are not enumerable, such as the accessors of a class.
    const { subject, minValidityMs, timeoutMs, signal }: GetOptions = options;
    if (minValidityMs !== undefined || timeoutMs !== undefined || signal !== undefined) return null;
    if (subject === undefined) return isPlain(options) ? undefined : null;
    return typeof subject === 'string' ? subject : null;
  } catch {
    return null;
  }
}

/**
 * Returns whether options are a plain object. Instances need the full check, which rejects some that have no fields.
 */
function isPlain(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options);
  return prototype === Object.prototype || prototype === null;
}
