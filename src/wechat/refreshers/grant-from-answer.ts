import type { JsonObject } from '../../core/json.js';
import type { Grant } from '../../core/refresher.js';

/**
 * Reads the token named `field` and its `expires_in` out of an answer, as they came: the manager checks them. Lifetimes
 * have been seen as numeric strings.
 */
export function grantFromAnswer(answer: JsonObject, field: string): Grant {
  const value = answer[field];
  return {
    value: typeof value === 'string' ? value : '',
    expiresInSeconds: readSeconds(answer['expires_in']),
    result: answer,
  };
}

function readSeconds(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : Number.NaN;
}
