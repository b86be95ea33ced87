import type { JsonObject } from '../primitives/json.js';
import { TokenError, type TokenErrorFacts } from './errors.js';

/** The facts of an error that are stored. None of them is a secret. */
export interface FailureFacts extends JsonObject {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly errcode?: number;
}

export function failureFacts(error: TokenError): FailureFacts {
  const { code, message, retryable, errcode, errmsg, rid, ip } = error;
  const optional = Object.entries({ errcode, errmsg, rid, ip }).filter(([, value]) => value !== undefined);
  return { code, message, retryable, ...Object.fromEntries(optional) };
}

/** Restores an error from stored facts. */
export function failureError({ code, message, ...stored }: FailureFacts, facts: TokenErrorFacts): TokenError {
  return new TokenError(code, message, { ...(stored as TokenErrorFacts), ...facts });
}
