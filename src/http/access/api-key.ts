import { hash, randomBytes as systemRandomBytes } from 'node:crypto';
import { systemClock } from '../../core/concurrency/clock.js';
import { isAppid } from '../../core/model/token-key.js';
import { assertInteger, assertNumber, copyFields, mapMembers, namesOf } from '../../core/primitives/assert-options.js';
import { isArray } from '../../core/primitives/foreign-objects.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { describeKind, describeWord } from '../../core/primitives/redact.js';
import { assertNoStrayCharacter } from '../../core/primitives/stray-characters.js';
import { isCanonicalPath } from '../../gateway/canonical-path.js';

/**
 * A permission of a key: to read tokens, to have them refreshed, to register apps, or to call WeChat's API without a token.
 *
 * @public
 */
export type Scope = 'read' | 'refresh' | 'register' | 'call';

/**
 * The entry of an API key: enough to recognize the key, not enough to use it.
 *
 * @public
 */
export interface ApiKey {
  /**
   * The eight characters after `wtm_`. They are not secret.
   *
   * @bounds 8 characters of `a-z 0-9`
   */
  readonly id: string;
  /**
   * The SHA-256 of the whole key.
   *
   * @bounds 64 lower-case hex digits
   */
  readonly hash: string;
  /**
   * The permissions of the key.
   *
   * @bounds at least one of `'read'`, `'refresh'`, `'register'` and `'call'`
   */
  readonly scopes: readonly Scope[];
  /**
   * The only apps that it may be used for.
   *
   * @defaultValue all apps
   * @bounds at least one appid
   */
  readonly appids?: readonly string[];
  /**
   * The only paths of WeChat's API that calls may have: these and those below them. Only with the scope `call`.
   *
   * @defaultValue all paths but those that are always refused
   * @bounds at least one path like `'/cgi-bin/message'`; a slash at its end makes no difference
   */
  readonly paths?: readonly string[];
  /**
   * The number of requests that it may make in a second, at once or spread.
   *
   * @defaultValue any number
   * @bounds 0.01 to 1,000,000
   */
  readonly perSecond?: number;
  /** The name of the key, for people: whose it is, or what uses it. */
  readonly note?: string;
  /**
   * The time at which it was made, in whole milliseconds since 1970. Keys of older releases lack it.
   *
   * @bounds 0 or more
   */
  readonly createdAt?: number;
  /**
   * The time from which it is refused, in whole milliseconds since 1970.
   *
   * @defaultValue never
   * @bounds 0 or more
   */
  readonly expiresAt?: number;
}

/**
 * The permissions, limits and note of a new key.
 *
 * @public
 */
export type ApiKeyOptions = Omit<ApiKey, 'id' | 'hash' | 'createdAt'>;

export const SCOPES: readonly Scope[] = ['read', 'refresh', 'register', 'call'];

const ID_LENGTH = 8;
const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const SECRET_BYTES = 32;
const ID = /^[a-z0-9]{8}$/;
const KEY = /^wtm_([a-z0-9]{8})_[A-Za-z0-9_-]{43}$/;
const KEY_ANYWHERE = /wtm_[a-z0-9]{8}_/;
const HASH = /^[0-9a-f]{64}$/;
const LIMIT_NAMES = ['scopes', 'appids', 'paths', 'perSecond', 'note', 'expiresAt'];
const NAMES = ['id', 'hash', ...LIMIT_NAMES, 'createdAt'];
/** The bounds of a number of requests or calls in a second. */
export const MIN_PER_SECOND = 0.01;
export const MAX_PER_SECOND = 1_000_000;
/** The last time that a `Date` can hold. */
const MAX_INSTANT = 8_640_000_000_000_000;

/**
 * Makes an API key, which is shown to its user once, and the entry that the server keeps.
 *
 * @param now - what `createdAt` is. Default: the clock of this process.
 * @throws TypeError naming the option, what it must be and what came; for an `expiresAt` that is not after `now`.
 *
 * @public
 */
export function createApiKey(
  options: ApiKeyOptions,
  randomBytes: (size: number) => Uint8Array = systemRandomBytes,
  now: number = systemClock.now(),
): { key: string; entry: ApiKey } {
  const limits = checkedLimits(fieldsOf(options, LIMIT_NAMES, 'the options of createApiKey'), '');
  if (limits.expiresAt !== undefined && limits.expiresAt <= now) {
    throw new TypeError(`expiresAt must be after ${now}, in milliseconds since 1970, got ${limits.expiresAt}`);
  }
  const id = Array.from(randomBytes(ID_LENGTH), (byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('');
  const key = `wtm_${id}_${Buffer.from(randomBytes(SECRET_BYTES)).toString('base64url')}`;
  return { key, entry: { id, hash: keyHash(key), ...limits, createdAt: now } };
}

/**
 * Returns the SHA-256 of a key in hex, which Node produces twice as fast as bytes. A fast hash is sufficient, since a key
 * has 256 random bits.
 */
export function keyHash(key: string): string {
  return hash('sha256', key, 'hex');
}

/** Returns the id of a key; `undefined` if the text is not a key. */
export function keyIdOf(key: string): string | undefined {
  return KEY.exec(key)?.[1];
}

export function holdsKey(text: string): boolean {
  return KEY_ANYWHERE.test(text);
}

/**
 * Returns copies of the entries. Unknown fields are refused, because a misspelt `appids` would give access to every app.
 *
 * @throws TypeError naming the entry and field, what it must be and the kind of the given value.
 */
export function checkedApiKeys(value: unknown): readonly ApiKey[] {
  const keys = mapMembers(value, 'keys', (entry, index) => checkedApiKey(entry, `keys[${index}]`));
  const seen = new Set<string>();
  for (const { id } of keys) {
    if (seen.has(id)) throw new TypeError(`keys: the id ${id} occurs twice`);
    seen.add(id);
  }
  return keys;
}

function checkedApiKey(entry: unknown, name: string): ApiKey {
  const fields = fieldsOf(entry, NAMES, name);
  const { id, hash } = fields;
  if (typeof id === 'string') assertNoStrayCharacter(`${name}.id`, id);
  if (typeof hash === 'string') assertNoStrayCharacter(`${name}.hash`, hash);
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new TypeError(`${name}.id must be 8 characters of a-z 0-9, got ${describeLength(id)}`);
  }
  if (typeof hash !== 'string' || !HASH.test(hash)) {
    throw new TypeError(
      `${name}.hash must be the SHA-256 of a key, 64 lower-case hex digits, got ${describeLength(hash)}`,
    );
  }
  const { createdAt } = fields;
  assertInstant(createdAt, `${name}.createdAt`);
  return { id, hash, ...checkedLimits(fields, `${name}.`), ...(createdAt !== undefined && { createdAt }) };
}

function checkedLimits({ scopes, appids, paths, perSecond, note, expiresAt }: JsonObject, at: string): ApiKeyOptions {
  if (perSecond !== undefined) assertPerSecond(perSecond, `${at}perSecond`);
  if (note !== undefined && typeof note !== 'string') {
    throw new TypeError(`${at}note must be a string, got ${describeKind(note)}`);
  }
  assertInstant(expiresAt, `${at}expiresAt`);
  const checked = checkedScopes(scopes, `${at}scopes`);
  if (paths !== undefined && !checked.includes('call')) {
    throw new TypeError(`${at}paths requires the scope call`);
  }
  return {
    scopes: checked,
    ...(appids !== undefined && { appids: checkedAppids(appids, `${at}appids`) }),
    ...(paths !== undefined && { paths: checkedPaths(paths, `${at}paths`) }),
    ...(perSecond !== undefined && { perSecond }),
    ...(note !== undefined && { note }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

function assertInstant(value: unknown, name: string): asserts value is number | undefined {
  if (value !== undefined) assertInteger(name, value, 0, MAX_INSTANT);
}

function checkedScopes(scopes: unknown, name: string): readonly Scope[] {
  if (!isArray(scopes) || scopes.length === 0) {
    throw new TypeError(`${name} must be an array of ${SCOPES.join(', ')}, got ${describeItems(scopes)}`);
  }
  return mapMembers(scopes, name, (scope) => {
    if (SCOPES.includes(scope as Scope)) return scope as Scope;
    throw new TypeError(`${name}: unknown scope ${describeWord(scope)}, expected one of ${SCOPES.join(', ')}`);
  });
}

/** Refuses an empty array, which could mean none or any. */
function assertHoldsOne(value: unknown, name: string, what: string): asserts value is readonly unknown[] {
  if (!isArray(value)) throw new TypeError(`${name} must be an array, got ${describeKind(value)}`);
  if (value.length === 0) throw new TypeError(`${name} must contain at least one ${what}, got an empty array`);
}

function checkedAppids(appids: unknown, name: string): readonly string[] {
  assertHoldsOne(appids, name, 'appid');
  return mapMembers(appids, name, (appid, index) => {
    if (isAppid(appid)) return appid;
    const got = describeLength(appid);
    throw new TypeError(`${name}[${index}]: an appid must be 1 to 64 characters of A-Z a-z 0-9 _ . @ -, got ${got}`);
  });
}

export function assertPerSecond(value: unknown, name: string): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${describeKind(value)}`);
  assertNumber(name, value, MIN_PER_SECOND, MAX_PER_SECOND);
}

function checkedPaths(paths: unknown, name: string): readonly string[] {
  assertHoldsOne(paths, name, 'path');
  return mapMembers(paths, name, (path, index) => {
    if (typeof path === 'string' && isCanonicalPath(withoutSlash(path))) return withoutSlash(path);
    throw new TypeError(
      `${name}[${index}]: a path must be like /cgi-bin/message, of letters, digits, _ - and dots between them, got ${describeLength(path)}`,
    );
  });
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/**
 * Reads each field once. Its errors show less than those of `readFields`, because in a file that was written by hand a
 * key may stand in the place of a name.
 */
function fieldsOf(value: unknown, known: readonly string[], what: string): JsonObject {
  if (!isJsonObject(value)) throw new TypeError(`${what} must be an object, got ${describeKind(value)}`);
  const fields = copyFields<Record<string, unknown>>(value, known, what) as JsonObject;
  const unknown = namesOf(value, what).find((name) => !known.includes(name));
  if (unknown === undefined) return fields;
  throw new TypeError(`${what}: unknown name ${describeWord(unknown)}, expected one of ${known.join(', ')}`);
}

function describeLength(value: unknown): string {
  return typeof value === 'string' && value !== '' ? `${value.length} characters` : describeKind(value);
}

function describeItems(value: unknown): string {
  return isArray(value) && value.length === 0 ? 'an empty array' : describeKind(value);
}
