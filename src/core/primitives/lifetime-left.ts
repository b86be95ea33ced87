import { isJsonObject, type JsonObject, type JsonValue } from './json.js';

const MS_PER_SECOND = 1_000;

/** Returns the whole seconds until an instant, as `expires_in` counts them; 0 once it has passed. */
export function secondsLeft(expiresAt: number, now: number): number {
  return Math.max(0, Math.floor((expiresAt - now) / MS_PER_SECOND));
}

/**
 * Returns WeChat's answer with the seconds that are left in place of `expires_in`, which counts from when the answer came: at
 * its top level, and in each object below that holds the token.
 */
export function withSecondsLeft(answer: JsonObject, token: string, left: number): JsonObject {
  const members = Object.entries(answer).map(([name, member]) => [
    name,
    name === 'expires_in' ? lifetimeOf(member, left) : withinMember(member, token, left),
  ]);
  return Object.fromEntries(members);
}

function withinMember(member: JsonValue | undefined, token: string, left: number): JsonValue | undefined {
  if (!isJsonObject(member)) return member;
  if (Object.values(member).includes(token)) return withSecondsLeft(member, token, left);
  return Object.fromEntries(Object.entries(member).map(([name, part]) => [name, withinMember(part, token, left)]));
}

/** Returns a lifetime in the form that WeChat gave it: a string where it was one. Anything else is no lifetime, and stays. */
function lifetimeOf(stated: JsonValue | undefined, left: number): JsonValue | undefined {
  if (typeof stated === 'number') return left;
  return typeof stated === 'string' && /^\d+(\.\d+)?$/.test(stated) ? String(left) : stated;
}
