import { isJsonObject, type JsonObject, type JsonValue } from './json.js';

const MS_PER_SECOND = 1_000;

/** Returns the whole seconds until an instant, the unit of `expires_in`; 0 once the instant has passed. */
export function secondsLeft(expiresAt: number, now: number): number {
  return Math.max(0, Math.floor((expiresAt - now) / MS_PER_SECOND));
}

/**
 * Returns WeChat's answer with `expires_in` replaced by the seconds that are left, because WeChat counts from the
 * moment of its answer. The field is replaced at the top level, and in each nested object that contains the token.
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

/**
 * Returns the remaining lifetime in the form of WeChat's value: a string if that was a string. A value that is not a
 * lifetime is returned unchanged.
 */
function lifetimeOf(stated: JsonValue | undefined, left: number): JsonValue | undefined {
  if (typeof stated === 'number') return left;
  return typeof stated === 'string' && /^\d+(\.\d+)?$/.test(stated) ? String(left) : stated;
}
