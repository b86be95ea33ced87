/**
 * The times, in milliseconds, by which a token is refreshed before it expires. The defaults depend on the token's
 * lifetime.
 */
export interface RefreshTimes {
  readonly marginMs: number | undefined;
  readonly jitterMs: number | undefined;
  readonly minValidityMs: number | undefined;
}

export interface Lifetime {
  readonly obtainedAt: number;
  readonly expiresAt: number;
}

const DEFAULT_MARGIN_MS = 300_000;
const DEFAULT_JITTER_MS = 600_000;
const DEFAULT_MIN_VALIDITY_MS = 10_000;
/**
 * The tolerance for past instants that appear to be later than now. A token that seems to have been obtained later than
 * this was obtained before a clock was set back.
 */
export const FUTURE_TOLERANCE_MS = 5_000;

export function isFromTheFuture({ obtainedAt }: Lifetime, now: number): boolean {
  return obtainedAt > now + FUTURE_TOLERANCE_MS;
}

export function lifeMs(lifetime: Lifetime): number {
  return lifetime.expiresAt - lifetime.obtainedAt;
}

/**
 * Returns the time before its expiry, in milliseconds, from which on a token is returned only if no new one can be
 * obtained.
 */
export function minValidityMs(lifetime: Lifetime, times: RefreshTimes): number {
  const life = lifeMs(lifetime);
  return times.minValidityMs === undefined
    ? Math.min(DEFAULT_MIN_VALIDITY_MS, life / 20)
    : Math.min(times.minValidityMs, life / 2);
}

/** Returns the due of a new token. `random` is at least 0 and below 1, and is chosen once for each token. */
export function dueAt(lifetime: Lifetime, times: RefreshTimes, random: number): number {
  const life = lifeMs(lifetime);
  const margin = capped(times.marginMs, DEFAULT_MARGIN_MS, life);
  const jitter = capped(times.jitterMs, DEFAULT_JITTER_MS, life);
  return Math.round(lifetime.expiresAt - margin - random * jitter);
}

function capped(set: number | undefined, byDefault: number, life: number): number {
  return set === undefined ? Math.min(byDefault, life / 5) : Math.min(set, life / 2);
}

/** Returns the due of a stored token: now, if the clock has been set back since it was obtained. */
export function dueOf(stored: Lifetime & { readonly dueAt: number }, now: number): number {
  return isFromTheFuture(stored, now) ? now : stored.dueAt;
}

/** Returns the next due after an answer that did not extend the current token, which has `leftMs` left. */
export function dueAgainAt(lifetime: Lifetime, now: number, leftMs: number): number {
  return Math.round(now + Math.max(leftMs / 3, Math.min(1_000, lifeMs(lifetime) / 20)));
}

/**
 * Returns the due of a token whose request overlapped with another one, so that WeChat may consider either of the two
 * tokens current.
 */
export function dueAfterOverlapAt(lifetime: Lifetime, now: number): number {
  return Math.round(now + Math.min(240_000, lifeMs(lifetime) / 4));
}

/**
 * Returns whether an answer only repeats the current token. Its expiry may differ a little, because WeChat gives
 * lifetimes in whole seconds.
 */
export function repeats(current: Lifetime & { value: string }, answer: Lifetime & { value: string }): boolean {
  const waverMs = Math.min(Math.max(2_000, Math.min(5_000, lifeMs(current) / 100)), lifeMs(current) / 2);
  return answer.value === current.value && answer.expiresAt - current.expiresAt <= waverMs;
}
