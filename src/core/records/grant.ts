import { dueAt, FUTURE_TOLERANCE_MS, type RefreshTimes } from '../model/refresh-policy.js';
import type { FieldNames } from '../model/refresher.js';
import type { ReceivedToken } from '../model/rotation.js';
import { isJsonObject } from '../primitives/json.js';
import { jsonTextOf } from '../primitives/json-copy.js';
import { describeKind, describeValue } from '../primitives/redact.js';
import { type StoredGrant, withoutValue } from '../store/key-document.js';
import { type GivenGrant, InvalidGrant, readReturnedGrant } from './given-grant.js';

const MAX_VALUE_LENGTH = 16_384;
const MAX_LIFE_SECONDS = 31_536_000;
const MAX_REFRESH_TOKEN_LIFE_SECONDS = 315_360_000;
const MAX_SCOPE_LENGTH = 4_096;
const MAX_RESULT_LENGTH = 65_536;

/**
 * Returns the refresh token of a grant that is otherwise unusable, since the input that was sent for it may be used up.
 */
export function savedToken(grant: GivenGrant, askedAt: number): ReceivedToken | undefined {
  try {
    return receivedToken(grant, { obtainedAt: askedAt });
  } catch {
    const { refreshToken: value } = readReturnedGrant(grant).grant;
    return isRefreshToken(value) ? { value, expiresAt: undefined } : undefined;
  }
}

/** Returns the refresh token of a grant that {@link storedGrant} has accepted. */
export function receivedToken(
  grant: GivenGrant,
  { obtainedAt }: Pick<StoredGrant, 'obtainedAt'>,
): ReceivedToken | undefined {
  const { refreshToken: value, refreshTokenExpiresInSeconds: life } = grant;
  if (value === undefined && life === undefined) return undefined;
  if (!isRefreshToken(value)) {
    const got = typeof value === 'string' ? `${value.length} characters` : describeKind(value);
    throw new InvalidGrant(
      `a grant's refreshToken must be a string of 1 to ${MAX_VALUE_LENGTH} characters, got ${got}`,
    );
  }
  if (life === undefined) return { value, expiresAt: undefined };
  const lifeSeconds = seconds(life);
  if (!(lifeSeconds >= 1 && lifeSeconds <= MAX_REFRESH_TOKEN_LIFE_SECONDS)) {
    throw new InvalidGrant(
      `a grant's refreshTokenExpiresInSeconds must be 1 to ${MAX_REFRESH_TOKEN_LIFE_SECONDS}, got ${describeNumber(life)}`,
    );
  }
  return { value, expiresAt: obtainedAt + Math.round(lifeSeconds * 1_000) };
}

function isRefreshToken(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_VALUE_LENGTH;
}

/** Converts the grant of a refresher or a caller to the stored form, with instants on the store's clock. */
export function storedGrant(
  grant: GivenGrant,
  askedAt: number,
  now: number,
  times: RefreshTimes,
  random: number,
): StoredGrant {
  const { value, lifeSeconds, obtainedAt } = checkedGrant(grant, askedAt, now);
  const lifetime = { obtainedAt, expiresAt: obtainedAt + Math.round(lifeSeconds * 1_000) };
  if (lifetime.expiresAt <= now) throw new InvalidGrant('a grant must not have expired already');
  const due = checkedDue(grant.dueInSeconds, lifeSeconds);
  return {
    value,
    ...lifetime,
    dueAt: due === undefined ? dueAt(lifetime, times, random) : Math.round(obtainedAt + due * 1_000),
    ...(grant.scope === undefined ? {} : { scope: checkedScope(grant.scope) }),
    ...(grant.result === undefined ? {} : { result: checkedResult(grant.result, value) }),
  };
}

/**
 * Checks the fields of a grant.
 *
 * @throws InvalidGrant naming the field, but never its value if that may be a token.
 */
function checkedGrant(
  grant: GivenGrant,
  askedAt: number,
  now: number,
): { value: string; lifeSeconds: number; obtainedAt: number } {
  if (!isJsonObject(grant)) throw new InvalidGrant(`a grant must be an object, got ${describeKind(grant)}`);
  const { value, expiresInSeconds, obtainedAt: given } = grant as GivenGrant;
  if (typeof value !== 'string' || value === '') {
    const said = answered(grant, 'value');
    throw new InvalidGrant(said ?? `a grant's value must be a non-empty string, got ${describeKind(value)}`);
  }
  if (value.length > MAX_VALUE_LENGTH) {
    throw new InvalidGrant(`a grant's value must be at most ${MAX_VALUE_LENGTH} characters, got ${value.length}`);
  }
  const lifeSeconds = seconds(expiresInSeconds);
  if (!(lifeSeconds >= 1 && lifeSeconds <= MAX_LIFE_SECONDS)) {
    const said = answered(grant, 'expiresInSeconds');
    const bounds = `must be 1 to ${MAX_LIFE_SECONDS}`;
    if (said !== undefined) throw new InvalidGrant(`${said}, and ${bounds} seconds`);
    throw new InvalidGrant(`a grant's expiresInSeconds ${bounds}, got ${describeNumber(expiresInSeconds)}`);
  }
  // The clocks of test runners may stand at the epoch, so only an instant that was given has to be a plausible one.
  if (given === undefined) return { value, lifeSeconds, obtainedAt: Math.floor(askedAt) };
  if (typeof given !== 'number' || !(given > 0 && given <= now + FUTURE_TOLERANCE_MS)) {
    throw new InvalidGrant(
      `a grant's obtainedAt must be epoch milliseconds and not in the future, got ${describeNumber(given)}`,
    );
  }
  return { value, lifeSeconds, obtainedAt: Math.floor(given) };
}

/** Returns the value of a field in WeChat's answer, with its name there; `undefined` for a grant without an answer. */
function answered({ fieldNames, result }: GivenGrant, field: keyof FieldNames): string | undefined {
  const name = fieldNames?.[field];
  if (typeof name !== 'string' || !isJsonObject(result)) return undefined;
  const value = result[name];
  return value === undefined ? `${name} is missing` : `${name} is ${describeNumber(value)}`;
}

function checkedScope(scope: unknown): string {
  if (typeof scope === 'string' && scope.length <= MAX_SCOPE_LENGTH) return scope;
  const got = typeof scope === 'string' ? `${scope.length} characters` : describeKind(scope);
  throw new InvalidGrant(`a grant's scope must be a string of at most ${MAX_SCOPE_LENGTH} characters, got ${got}`);
}

function checkedDue(dueInSeconds: unknown, lifeSeconds: number): number | undefined {
  if (dueInSeconds === undefined) return undefined;
  const due = seconds(dueInSeconds);
  if (!(due >= 0 && due <= lifeSeconds)) {
    throw new InvalidGrant(
      `a grant's dueInSeconds must be 0 to its expiresInSeconds, got ${describeNumber(dueInSeconds)}`,
    );
  }
  return due;
}

function checkedResult(result: unknown, value: string): StoredGrant['result'] & object {
  if (!isJsonObject(result)) throw new InvalidGrant(`a grant's result must be an object, got ${describeKind(result)}`);
  const text = resultText(result);
  if (text.length > MAX_RESULT_LENGTH) {
    throw new InvalidGrant(
      `a grant's result must be at most ${MAX_RESULT_LENGTH} characters of JSON, got ${text.length}`,
    );
  }
  return withoutValue(JSON.parse(text), value);
}

function resultText(result: object): string {
  try {
    return jsonTextOf("a grant's result", result);
  } catch (error) {
    throw new InvalidGrant((error as TypeError).message);
  }
}

/**
 * Describes a value that should have been a number. For a string only the length is shown, since it may be a token in
 * the wrong field.
 */
function describeNumber(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'string') return value === '' ? 'an empty string' : `a string of ${value.length} characters`;
  return typeof value === 'number' ? describeValue(value) : describeKind(value);
}

/** Returns a number of seconds, which WeChat sometimes sends as a string; `NaN` for anything else. */
function seconds(value: unknown): number {
  if (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value)) return Number(value);
  return typeof value === 'number' ? value : Number.NaN;
}
