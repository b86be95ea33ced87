import type { Granted, OwedExchange, StoredAuthorization } from '../authorizations/authorization-documents.js';
import { type AuthorizationPush, owedAfter } from '../authorizations/authorization-push.js';

/** A code that was exchanged before it was known whose it is. */
export interface RedirectedExchange extends Granted {
  readonly authorizer: string;
  readonly code: string;
  /** The time that WeChat's answer names, in epoch milliseconds. */
  readonly at: number;
}

/**
 * Returns what is left to be done after the exchange of a code; `undefined` if nothing is, because the store has a newer
 * state. The push of the same authorization may be waiting for its exchange, which is done now.
 */
export function owedAfterExchange(
  { authorizer, code, at, grant, permissions }: RedirectedExchange,
  stored: StoredAuthorization,
): OwedExchange | undefined {
  const granted = { grant, permissions };
  const { owed } = stored;
  if (owed?.kind === 'exchange' && owed.code === code) {
    return { ...owed, createdAt: Math.max(owed.createdAt, at), granted };
  }
  const push: AuthorizationPush = { authorizer, code, createdAt: at };
  const after = owedAfter(push, stored);
  return after?.kind === 'exchange' ? { ...after, granted } : undefined;
}
