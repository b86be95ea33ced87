/** The reasons for refusals, as the metrics name them. */
export const REFUSAL_REASONS = [
  'noKey',
  'unknownKey',
  'expiredKey',
  'secret',
  'browser',
  'host',
  'callback',
  'throttled',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number] | 'scope' | 'app' | 'tooMany';

/** The answer to a caller that is refused. */
export interface Refusal {
  readonly status: 401 | 403 | 429;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** Returns a wait in whole seconds, as a response gives it. */
export function wholeSeconds(waitMs: number): number {
  return Math.ceil(waitMs / 1_000);
}
