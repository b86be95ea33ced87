import { TokenError } from '../../core/model/errors.js';
import type { AnswerGrant } from '../../core/model/refresher.js';
import type { TokenKey } from '../../core/model/token-key.js';
import type { JsonObject } from '../../core/primitives/json.js';

const LIFETIME_FIELD = 'expires_in';

/**
 * Reads the token named `field` and its `expires_in` out of an answer, as they came: the manager checks them. Lifetimes
 * have been seen as numeric strings.
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

/** Returns the refresh token of an answer. Where it has none, the one that was sent stays good. */
export function refreshTokenFromAnswer(answer: JsonObject, field: string, sent: string): string {
  const value = answer[field];
  // What is no string is for the manager to refuse.
  return value === undefined || value === null || value === '' ? sent : (value as string);
}

/**
 * Refuses an answer that names another app or user than the one that was asked for.
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

/** Reads a lifetime. A value that is no number is returned as it came, so that the error says what WeChat answered. */
function readSeconds(value: unknown): number {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : (value as number);
}
