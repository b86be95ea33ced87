import { isJsonObject } from '../primitives/json.js';
import type { GetOptions } from './call-options.js';

/**
 * Returns the subject of options that ask for nothing else, so that a held token is the answer to them; `undefined` for options
 * that are empty, and `null` for all that have to be looked at closely: wishes, unknown names, a subject that is no string.
 * It never throws: what is wrong with options is told by the checks that follow.
 */
export function subjectAlone(options: GetOptions): string | undefined | null {
  try {
    if (!isJsonObject(options)) return null;
    for (const name in options) if (name !== 'subject') return null;
    // That loop passes over what is not enumerable, such as the accessors of a class.
    const { subject, minValidityMs, timeoutMs, signal }: GetOptions = options;
    if (minValidityMs !== undefined || timeoutMs !== undefined || signal !== undefined) return null;
    if (subject === undefined) return isPlain(options) ? undefined : null;
    return typeof subject === 'string' ? subject : null;
  } catch {
    return null;
  }
}

/** Tells plain options from instances, some of which are refused where they have no fields. */
function isPlain(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options);
  return prototype === Object.prototype || prototype === null;
}
