import { TokenError } from '../../core/model/errors.js';
import type { AnswerGrant } from '../../core/model/refresher.js';
import type { TokenKey } from '../../core/model/token-key.js';
import type { JsonObject } from '../../core/primitives/json.js';

const LIFETIME_FIELD = 'expires_in';

/**
 * Reads the token in `field` and its `expires_in` from an answer without checks, which the manager makes. Lifetimes may
 * be numeric strings.
 */
export function grantFromAnswer(answer: JsonObject, field: string): AnswerGrant {
  const value = answer[field];
  return {
    value: typeof value === 'string' ? value : '',
    expiresInSeconds: readSeconds(answer[LIFETIME_FIELD]),
    result: answer,
    fieldNames: { value: field, expiresInSeconds: LIFETIME_FIELD },
  };
}

/** Returns the refresh token of an answer. If the answer has none, the one that was sent remains valid. */
export function refreshTokenFromAnswer(answer: JsonObject, field: string, sent: string): string {
  const value = answer[field];
  // A value of another type is refused by the manager.
  return value === undefined || value === null || value === '' ? sent : (value as string);
}

/**
 * Refuses an answer for another app or user than the requested one.
 *
 * @throws a `TokenError` with code `UPSTREAM_REJECTED`.
 */
export function assertHolder(key: TokenKey, field: string, holder: string | undefined, answer: JsonObject): void {
  const named = answer[field];
  if (holder === undefined || named === undefined || named === null || named === '' || named === holder) return;
  throw new TokenError('UPSTREAM_REJECTED', `the answer for ${key.type} has another ${field} than the one asked for`, {
    ...key,
    retryable: true,
  });
}

/** Reads a lifetime. A value that is not a number is returned unchanged, so that the error shows WeChat's answer. */
function readSeconds(value: unknown): number {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : (value as number);
}
