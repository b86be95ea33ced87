/** The times, in milliseconds, by which a token is refreshed ahead of its end. Those not set depend on the token's life. */
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
/** A token that claims to have been obtained this much later than now was obtained by a clock that has moved. */
export const FUTURE_TOLERANCE_MS = 5_000;

export function isFromTheFuture({ obtainedAt }: Lifetime, now: number): boolean {
  return obtainedAt > now + FUTURE_TOLERANCE_MS;
}

export function lifeMs(lifetime: Lifetime): number {
  return lifetime.expiresAt - lifetime.obtainedAt;
}

/** Returns how long before its end, in milliseconds, a token is no longer handed out without trying for a new one first. */
export function minValidityMs(lifetime: Lifetime, times: RefreshTimes): number {
  const life = lifeMs(lifetime);
  return times.minValidityMs === undefined
    ? Math.min(DEFAULT_MIN_VALIDITY_MS, life / 20)
    : Math.min(times.minValidityMs, life / 2);
}

/** Returns the instant at which a new token is to be refreshed. `random` is at least 0 and below 1, drawn once for each token. */
export function dueAt(lifetime: Lifetime, times: RefreshTimes, random: number): number {
  const life = lifeMs(lifetime);
  const margin = capped(times.marginMs, DEFAULT_MARGIN_MS, life);
  const jitter = capped(times.jitterMs, DEFAULT_JITTER_MS, life);
  return Math.round(lifetime.expiresAt - margin - random * jitter);
}

function capped(set: number | undefined, byDefault: number, life: number): number {
  return set === undefined ? Math.min(byDefault, life / 5) : Math.min(set, life / 2);
}

/** Returns when a stored token is due: at once where a clock that has moved since says that it comes from the future. */
export function dueOf(stored: Lifetime & { readonly dueAt: number }, now: number): number {
  return isFromTheFuture(stored, now) ? now : stored.dueAt;
}

/** Returns when to ask again after an answer that did not extend the token in force, of which `leftMs` are left. */
export function dueAgainAt(lifetime: Lifetime, now: number, leftMs: number): number {
  return Math.round(now + Math.max(leftMs / 3, Math.min(1_000, lifeMs(lifetime) / 20)));
}

/** Returns when a token is due whose fetch overlapped with another one, so that WeChat may hold either for the current one. */
export function dueAfterOverlapAt(lifetime: Lifetime, now: number): number {
  return Math.round(now + Math.min(240_000, lifeMs(lifetime) / 4));
}

/** Returns whether an answer only repeats the token in force: whole seconds on the wire make its end waver. */
export function repeats(current: Lifetime & { value: string }, answer: Lifetime & { value: string }): boolean {
  const waverMs = Math.min(Math.max(2_000, Math.min(5_000, lifeMs(current) / 100)), lifeMs(current) / 2);
  return answer.value === current.value && answer.expiresAt - current.expiresAt <= waverMs;
}
